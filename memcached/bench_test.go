package memcached_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/memcached"
)

// callers is the number of concurrent requests: enough to keep the cores busy while
// some wait for the server.
const callers = 16

// roundSize is the number of requests that each side makes in a round.
const roundSize = 300

// BenchmarkRead compares the raw get with the store's Load, and with a request through
// the middleware that reads its session. The sides alternate in short rounds, so that
// other load on the machine affects all of them. x-store and x-request are the medians
// of the rounds' ratios to the raw client's.
func BenchmarkRead(b *testing.B) {
	compare(b, "/read",
		func(c *memcache.Client, name string) error {
			_, err := c.Get(name)
			return err
		},
		func(ctx context.Context, s driver.Store, key driver.Key) error {
			_, err := s.Load(ctx, key)
			return err
		})
}

// BenchmarkWrite compares, like BenchmarkRead, get and cas with Load and Save, and with
// a request that changes its session.
func BenchmarkWrite(b *testing.B) {
	compare(b, "/write",
		func(c *memcache.Client, name string) error {
			item, err := c.Get(name)
			if err != nil {
				return err
			}
			item.Expiration = 3600
			return c.CompareAndSwap(item)
		},
		func(ctx context.Context, s driver.Store, key driver.Key) error {
			rec, err := s.Load(ctx, key)
			if err != nil {
				return err
			}
			old := rec.Version
			rec.Version = driver.Version(rand.Int64N(1<<62) + 1)
			return s.Save(ctx, key, old, rec)
		})
}

// discard is a http.ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}

func compare(b *testing.B, path string,
	raw func(*memcache.Client, string) error, direct func(context.Context, driver.Store, driver.Key) error) {
	url := "memcached://" + start(b).addr()
	m := site.Manager(b, sessions.Options{URL: url, IdleTimeout: time.Hour})
	app := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/write" {
			site.Visits.Update(s, func(n int) int { return n + 1 })
		} else if n, ok := site.Visits.Get(s); !ok || n < 1 {
			b.Errorf("got %d visits", n)
		}
	}))
	client := memcache.New(strings.TrimPrefix(url, "memcached://"))
	client.MaxIdleConns = 64
	defer client.Close()
	store, err := memcached.New(nil, memcached.Options{}).Open(b.Context(), driver.Config{URL: url}.WithDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()

	const users = 1000 // more than callers, so that concurrent requests have different sessions
	var requests [users]*http.Request
	var keys [users]driver.Key
	var names [users]string
	for i := range users {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", "/write", nil))
		ctx, cancel := context.WithCancel(b.Context()) // as net/http's is
		defer cancel()
		requests[i] = httptest.NewRequestWithContext(ctx, "GET", path, nil)
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		requests[i].Header.Set("Cookie", cookie)
		_, token, _ := strings.Cut(cookie, "=")
		s, err := m.Load(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		if keys[i], err = driver.ParseKey(s.ID()); err != nil {
			b.Fatal(err)
		}
		names[i] = ":" + s.ID()
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	sides := []func(i int) error{
		func(i int) error { return raw(client, names[i]) },
		func(i int) error { return direct(ctx, store, keys[i]) },
		func(i int) error {
			app.ServeHTTP(&discard{make(http.Header)}, requests[i])
			return nil
		},
	}
	for _, n := range []int{1, callers} {
		b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) {
			var times [3]time.Duration
			var ratios [3][]float64
			for b.Loop() {
				var took [3]time.Duration
				for side, do := range sides {
					took[side] = round(b, n, func(i int) error { return do(i % users) })
					times[side] += took[side]
					ratios[side] = append(ratios[side], float64(took[side])/float64(took[0]))
				}
			}
			b.ReportMetric(0, "ns/op")
			for side, name := range []string{"raw", "store", "request"} {
				b.ReportMetric(float64(times[side].Nanoseconds())/roundSize/float64(b.N), "ns/"+name)
				if side > 0 {
					slices.Sort(ratios[side])
					b.ReportMetric(ratios[side][len(ratios[side])/2], "x-"+name)
				}
			}
		})
	}
}

// round runs one round with n callers and returns its duration.
func round(b *testing.B, n int, do func(i int) error) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= roundSize; i = int(next.Add(1)) {
				if err := do(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
