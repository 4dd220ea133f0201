package memcached

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
)

var keys = func() (names []string) {
	s := &store{namespace: "shop"}
	for i := range 20_000 {
		names = append(names, s.name(driver.Key(sha256.Sum256(fmt.Append(nil, i)))))
	}
	return names
}()

func places(t *testing.T, servers ...string) []string {
	t.Helper()
	s, err := NewSelector(servers...)
	if err != nil {
		t.Fatal(err)
	}
	at := make([]string, len(keys))
	for i, key := range keys {
		addr, err := s.PickServer(key)
		if err != nil {
			t.Fatal(err)
		}
		at[i] = addr.String()
	}
	return at
}

var fleets = [][]string{
	{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"},
	{"cache-a", "cache-b", "cache-c", "cache-d", "cache-e"},
	{"127.0.0.1:40001", "127.0.0.1:40002", "127.0.0.1:40003", "127.0.0.1:40004", "127.0.0.1:40005"},
	{"unix:/run/1", "unix:/run/2", "unix:/run/3", "unix:/run/4", "unix:/run/5"},
}

func TestANewServerMovesOnlyItsShare(t *testing.T) {
	for _, fleet := range fleets {
		before, after := places(t, fleet[:4]...), places(t, fleet...)
		stay, count := 0, map[string]int{}
		for i := range keys {
			count[after[i]]++
			if after[i] == before[i] {
				stay++
			} else if joined, _ := parseServer(fleet[4]); after[i] != joined.String() {
				t.Fatalf("%s moved from %s to %s, which is not the new server", keys[i], before[i], after[i])
			}
		}
		t.Logf("%.1f%% stay; shares: %v", 100*float64(stay)/float64(len(keys)), count)
		if stay < len(keys)*75/100 {
			t.Errorf("%v: only %d of %d sessions stay", fleet, stay, len(keys))
		}
		for server, n := range count {
			if fair := len(keys) / len(fleet); n < fair*9/10 || n > fair*11/10 {
				t.Errorf("%s has %d sessions, a fair share is %d", server, n, fair)
			}
		}
	}
}

func TestAServerThatLeavesMovesOnlyItsSessions(t *testing.T) {
	for _, fleet := range fleets {
		gone, _ := parseServer(fleet[2])
		before, after := places(t, fleet...), places(t, slices.Delete(slices.Clone(fleet), 2, 3)...)
		for i := range keys {
			if after[i] != before[i] && before[i] != gone.String() {
				t.Fatalf("%s moved from %s, which stayed", keys[i], before[i])
			}
		}
	}
}

func TestTheOrderOfTheListDoesNotMatter(t *testing.T) {
	for _, fleet := range fleets {
		turned := slices.Clone(fleet)
		slices.Reverse(turned)
		if !slices.Equal(places(t, fleet...), places(t, turned...)) {
			t.Errorf("%v: another order, other places", fleet)
		}
	}
	if !slices.Equal(places(t, "A", "[0::1]:011211"), places(t, "[::1]", "a:11211")) {
		t.Error("another spelling, other places")
	}
}

func TestSelectorOfAProgramsOwn(t *testing.T) {
	s, err := NewSelector("a", "b")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	err = s.Each(func(a net.Addr) error { all = append(all, a.String()); return nil })
	slices.Sort(all)
	if err != nil || !slices.Equal(all, []string{"a:11211", "b:11211"}) {
		t.Errorf("Each: %v, %v", all, err)
	}
	stop := errors.New("stop")
	if err := s.Each(func(net.Addr) error { return stop }); err != stop {
		t.Errorf("Each: %v", err)
	}
	if none, err := NewSelector(); err != nil {
		t.Error(err)
	} else if _, err := none.PickServer("key"); err != memcache.ErrNoServers {
		t.Errorf("of no servers: %v", err)
	}
	if _, err := NewSelector("a", "a:x"); err == nil {
		t.Error("a bad server was taken")
	}
}
