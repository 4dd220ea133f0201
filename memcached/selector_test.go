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
		names = append(names, s.itemKey(driver.Key(sha256.Sum256(fmt.Append(nil, i)))))
	}
	return names
}()

// assign returns the server of each key.
func assign(t *testing.T, servers ...string) []string {
	t.Helper()
	s, err := NewSelector(servers...)
	if err != nil {
		t.Fatal(err)
	}
	assigned := make([]string, len(keys))
	for i, key := range keys {
		addr, err := s.PickServer(key)
		if err != nil {
			t.Fatal(err)
		}
		assigned[i] = addr.String()
	}
	return assigned
}

var fleets = [][]string{
	{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"},
	{"cache-a", "cache-b", "cache-c", "cache-d", "cache-e"},
	{"127.0.0.1:40001", "127.0.0.1:40002", "127.0.0.1:40003", "127.0.0.1:40004", "127.0.0.1:40005"},
	{"unix:/run/1", "unix:/run/2", "unix:/run/3", "unix:/run/4", "unix:/run/5"},
}

func TestNewServerMovesOnlyItsShare(t *testing.T) {
	for _, fleet := range fleets {
		before, after := assign(t, fleet[:4]...), assign(t, fleet...)
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

func TestRemovedServerMovesOnlyItsSessions(t *testing.T) {
	for _, fleet := range fleets {
		removed, _ := parseServer(fleet[2])
		before, after := assign(t, fleet...), assign(t, slices.Delete(slices.Clone(fleet), 2, 3)...)
		for i := range keys {
			if after[i] != before[i] && before[i] != removed.String() {
				t.Fatalf("%s moved from %s, which stayed", keys[i], before[i])
			}
		}
	}
}

func TestOrderAndSpellingDoNotMatter(t *testing.T) {
	for _, fleet := range fleets {
		reversed := slices.Clone(fleet)
		slices.Reverse(reversed)
		if !slices.Equal(assign(t, fleet...), assign(t, reversed...)) {
			t.Errorf("%v: another order moves sessions", fleet)
		}
	}
	if !slices.Equal(assign(t, "A", "[0::1]:011211"), assign(t, "[::1]", "a:11211")) {
		t.Error("another spelling moves sessions")
	}
}

func TestSelector(t *testing.T) {
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
		t.Errorf("Each: got error %v", err)
	}
	if none, err := NewSelector(); err != nil {
		t.Error(err)
	} else if _, err := none.PickServer("key"); err != memcache.ErrNoServers {
		t.Errorf("of no servers: %v", err)
	}
	if _, err := NewSelector("a", "a:x"); err == nil {
		t.Error("no error for an invalid server")
	}
}
