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

// callers is how many requests are under way at a time.
const callers = 16

// turn is how many requests one side makes in a row.
const turn = 200

// raw is an entity as a program would have it that uses the client itself.
type raw struct {
	Record  []byte    `datastore:"record,noindex"`
	Expires time.Time `datastore:"expires"`
}

// side is a way to do the same work.
type side struct {
	name string
	do   func(i int) error
}

// BenchmarkRead compares the client's Get, which is a lookup, with the store's
// Load and with a whole request through the middleware that reads its session.
// The sides take short turns, so that whatever else the machine does is shared.
// The x- metrics are the medians of the turns' ratios to the first side.
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

// BenchmarkWrite does as BenchmarkRead with a transaction that gets and puts,
// with a Load and a Save, the same in transactions, and a request that changes
// its session. The get and put beside them, which lose updates, are the least
// that it could cost.
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
			{"store-in-transactions", func(i int) error { return change(ctx, r.slow, r.keys[i]) }},
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

// noWriter is a response that costs nothing.
type noWriter struct{ header http.Header }

func (w *noWriter) Header() http.Header         { return w.header }
func (w *noWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *noWriter) WriteHeader(int)             {}

// users are more than callers, so that none meets another.
const users = 200

// rig is a site, and the same sessions by other ways.
type rig struct {
	app         http.Handler
	requests    [users]*http.Request
	client      *datastore.Client
	store, slow driver.Store // slow: in transactions
	keys        [users]driver.Key
	names       [users]*datastore.Key
}

func (r *rig) request(i int) error {
	r.app.ServeHTTP(&noWriter{make(http.Header)}, r.requests[i])
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
			b.Errorf("visits: %d", n)
		}
	}))
	r.store = opened(b, server.Addr, google.Options{Kind: k}, google.ClientOptions()...)
	r.slow = opened(b, server.Addr, google.Options{Kind: k})
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
			took := inTurn(b, callers, func(i int) error { return s.do(i % users) })
			if i == 0 {
				first = took
			}
			times[i] += took
			ratios[i] = append(ratios[i], float64(took)/float64(first))
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, s := range sides {
		b.ReportMetric(float64(times[i].Microseconds())/turn/float64(b.N), "µs/"+s.name)
		if i > 0 {
			slices.Sort(ratios[i])
			b.ReportMetric(ratios[i][len(ratios[i])/2], "x-"+s.name)
		}
	}
}

// inTurn does a turn's work with n callers and returns how long it took.
func inTurn(b *testing.B, n int, do func(i int) error) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= turn; i = int(next.Add(1)) {
				if err := do(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
