//go:build unix

package redis_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
)

// The master is killed under load. With wait=2 both replicas have every write that was
// confirmed, so none is lost when one of them takes over.
func TestSentinelFailoverUnderLoad(t *testing.T) {
	all := servers.OwnRedisSentinel(t)
	for _, s := range all.Sentinels { // so that the test is short
		if err := client(t, s.Addr).Do(t.Context(), "SENTINEL", "SET", "sessions", "down-after-milliseconds", "1000").Err(); err != nil {
			t.Fatal(err)
		}
	}
	url := "redis://" + all.Addrs() + "?master=sessions"
	waits := site.New(site.Manager(t, sessions.Options{URL: url + "&wait=2", StoreTimeout: 3 * time.Second}))
	m := site.Manager(t, sessions.Options{URL: url, StoreTimeout: 3 * time.Second})
	afterwards := site.New(m) // there is one replica then
	var tookOver atomic.Bool
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tookOver.Load() {
			afterwards.ServeHTTP(w, r)
		} else {
			waits.ServeHTTP(w, r)
		}
	})
	var stop atomic.Bool
	var confirmed [4]atomic.Int64 // visits of each
	var wg sync.WaitGroup
	for i := range confirmed {
		b := &site.Browser{Site: shop}
		name := fmt.Sprint("user", i)
		b.Wants(t, "/as?"+name, "0 "+name)
		wg.Go(func() {
			for !stop.Load() {
				code, page := b.Get("/visit")
				var n int64
				var who string
				_, _ = fmt.Sscanf(page, "%d %s", &n, &who)
				switch {
				case code == http.StatusServiceUnavailable:
				case code != 200 || who != name:
					t.Errorf("%d %q", code, page)
					return
				case n <= confirmed[i].Load():
					t.Errorf("after visit %d came visit %d", confirmed[i].Load(), n)
					return
				default:
					confirmed[i].Store(n)
				}
			}
		})
	}
	each := func(more int64) {
		for i := range confirmed {
			from := confirmed[i].Load()
			eventually(t, "visits are counted", func() bool { return t.Failed() || confirmed[i].Load() >= from+more })
		}
	}
	each(20)
	all.Servers[0].Kill()
	raw := client(t, all.Sentinels[0].Addr)
	eventually(t, "a replica takes over", func() bool {
		addr, err := raw.Do(t.Context(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "sessions").StringSlice()
		return err == nil && net.JoinHostPort(addr[0], addr[1]) != all.Servers[0].Addr
	})
	tookOver.Store(true)
	each(20)
	stop.Store(true)
	wg.Wait()
	for i := range confirmed {
		n, err := m.DestroyOwned(t.Context(), fmt.Sprint("user", i))
		if n != 1 && !t.Failed() || err != nil {
			t.Errorf("user%d: %d sessions, %v", i, n, err)
		}
	}
}

// No Sentinel answers: calls fail in bounded time. A single one suffices.
func TestSentinelsDown(t *testing.T) {
	all := servers.OwnRedisSentinel(t)
	for _, s := range all.Sentinels[:2] {
		s.Kill()
	}
	url := "redis://" + all.Addrs() + "?master=sessions"
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url}))}
	b.Wants(t, "/visit", "1 ")
	all.Sentinels[2].Kill()
	// The connections to the master remain. Another can use the only one at this moment.
	eventually(t, "the session is served", func() bool { code, _ := b.Get("/"); return code == 200 })
	late := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url, StoreTimeout: time.Second}))}
	began := time.Now()
	if code, page := late.Get("/visit"); code != http.StatusServiceUnavailable {
		t.Errorf("%d %q", code, page)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the error page took %v", took)
	}
}
