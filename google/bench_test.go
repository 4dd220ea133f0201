//go:build unix

package google_test

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

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/sessionstest"
)

// callers is the number of concurrent requests.
const callers = 16

// roundSize is the number of requests that each side makes in a round.
const roundSize = 200

// raw is the entity of a program that uses the client itself.
type raw struct {
	Record  []byte    `datastore:"record,noindex"`
	Expires time.Time `datastore:"expires"`
}

// side is one of the implementations that a benchmark compares.
type side struct {
	name string
	do   func(i int) error
}

// BenchmarkRead compares the client's Get, which is a lookup, with the store's Load
// and with a request through the middleware that reads its session. The sides
// alternate in short rounds, so that other load on the machine affects all of them.
// The x- metrics are the medians of the rounds' ratios to the first side.
func BenchmarkRead(b *testing.B) {
	onBench(b, "/read", func(ctx context.Context, r *rig) []side {
		return []side{
			{"get", func(i int) error { return r.client.Get(ctx, r.names[i], &raw{}) }},
			{"store", func(i int) error {
				_, err := r.store.Load(ctx, r.keys[i])
				return err
			}},
			{"request", r.request},
		}
	})
}

// BenchmarkWrite compares, like BenchmarkRead, a transaction that gets and puts, a
// Load and a Save, and a request that changes its session. A Get and a Put without
// a transaction, which can lose updates, are the lower bound.
func BenchmarkWrite(b *testing.B) {
	change := func(ctx context.Context, s driver.Store, key driver.Key) error {
		rec, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		old := rec.Version
		rec.Version = driver.Version(rand.Int64N(1<<62) + 1)
		return s.Save(ctx, key, old, rec)
	}
	onBench(b, "/write", func(ctx context.Context, r *rig) []side {
		return []side{
			{"transaction", func(i int) error {
				_, err := r.client.RunInTransaction(ctx, func(tx *datastore.Transaction) error {
					var e raw
					if err := tx.Get(r.names[i], &e); err != nil {
						return err
					}
					_, err := tx.Put(r.names[i], &e)
					return err
				})
				return err
			}},
			{"get+put", func(i int) error {
				var e raw
				if err := r.client.Get(ctx, r.names[i], &e); err != nil {
					return err
				}
				_, err := r.client.Put(ctx, r.names[i], &e)
				return err
			}},
			{"store", func(i int) error { return change(ctx, r.store, r.keys[i]) }},

			{"request", r.request},
		}
	})
}

// BenchmarkContract measures each method of the store.
func BenchmarkContract(b *testing.B) {
	for _, e := range emulators {
		b.Run(e.name, func(b *testing.B) { sessionstest.Benchmark(b, harness(e.shared)) })
	}
}

// discard is a http.ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}

// users is more than callers, so that concurrent requests have different sessions.
const users = 200

// rig is an application, and a client and a store for the same sessions.
type rig struct {
	app      http.Handler
	requests [users]*http.Request
	client   *datastore.Client
	store    driver.Store
	keys     [users]driver.Key
	names    [users]*datastore.Key
}

func (r *rig) request(i int) error {
	r.app.ServeHTTP(&discard{make(http.Header)}, r.requests[i])
	return nil
}

func newRig(b *testing.B, server *servers.Server, path string) *rig {
	k := kind()
	url := urlOf(server, "&kind="+k)
	m := manager(b, sessions.Options{URL: url, IdleTimeout: time.Hour})
	r := &rig{client: clientOf(b, server.Addr)}
	r.app = m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s := sessions.FromContext(q.Context())
		if q.URL.Path == "/write" {
			site.Visits.Update(s, func(n int) int { return n + 1 })
		} else if n, ok := site.Visits.Get(s); !ok || n < 1 {
			b.Errorf("got %d visits", n)
		}
	}))
	r.store = open(b, server.Addr, google.Options{Kind: k})
	for i := range users {
		w := httptest.NewRecorder()
		r.app.ServeHTTP(w, httptest.NewRequest("GET", "/write", nil))
		ctx, cancel := context.WithCancel(b.Context()) // as net/http's is
		b.Cleanup(cancel)
		r.requests[i] = httptest.NewRequestWithContext(ctx, "GET", path, nil)
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		r.requests[i].Header.Set("Cookie", cookie)
		_, token, _ := strings.Cut(cookie, "=")
		s, err := m.Load(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		if r.keys[i], err = driver.ParseKey(s.ID()); err != nil {
			b.Fatal(err)
		}
		r.names[i] = datastore.NameKey(k, s.ID(), nil)
	}
	return r
}

func onBench(b *testing.B, path string, sides func(context.Context, *rig) []side) {
	for _, e := range emulators {
		b.Run(e.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			sides := sides(ctx, newRig(b, e.shared(b), path))
			for _, n := range []int{1, callers} {
				b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) { compare(b, n, sides) })
			}
		})
	}
}

func compare(b *testing.B, callers int, sides []side) {
	times := make([]time.Duration, len(sides))
	ratios := make([][]float64, len(sides))
	for b.Loop() {
		var first time.Duration
		for i, s := range sides {
			took := round(b, callers, func(i int) error { return s.do(i % users) })
			if i == 0 {
				first = took
			}
			times[i] += took
			ratios[i] = append(ratios[i], float64(took)/float64(first))
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, s := range sides {
		b.ReportMetric(float64(times[i].Microseconds())/roundSize/float64(b.N), "µs/"+s.name)
		if i > 0 {
			slices.Sort(ratios[i])
			b.ReportMetric(ratios[i][len(ratios[i])/2], "x-"+s.name)
		}
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
