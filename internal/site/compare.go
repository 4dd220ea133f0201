package site

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// Side is one of the implementations that Compare compares.
type Side struct {
	Name string
	Do   func(i int) error // for visitor i
}

// Compare measures the sides with each number of concurrent callers. The sides take
// turns in rounds of that many calls, so that other load on the machine affects all of
// them. The figures are the medians of the rounds: the time of a call, and, as x-NAME,
// its ratio to that of the first side.
func Compare(b *testing.B, callers []int, calls, visitors int, sides []Side) {
	for _, n := range callers {
		b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) {
			times, ratios := make([][]float64, len(sides)), make([][]float64, len(sides))
			for b.Loop() {
				for i, side := range sides {
					took := float64(round(b, n, calls, func(i int) error { return side.Do(i % visitors) }))
					times[i] = append(times[i], took)
					ratios[i] = append(ratios[i], took/times[0][len(times[0])-1])
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, side := range sides {
				b.ReportMetric(median(times[i])/float64(calls), "ns/"+side.Name)
				if i > 0 {
					b.ReportMetric(median(ratios[i]), "x-"+side.Name)
				}
			}
		})
	}
}

// round makes the calls with n callers and returns the time that they took.
func round(b *testing.B, n, calls int, do func(i int) error) time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range n {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= calls; i = int(next.Add(1)) {
				if err := do(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// Visitors are clients of a manager, each with a session that has counted a visit.
type Visitors struct {
	Keys     []driver.Key
	app      http.Handler
	requests []*http.Request
}

// NewVisitors returns n visitors. Their requests are for the path: "/read" reads the
// session, "/write" changes it, and "/new", without a cookie, starts another one.
func NewVisitors(b *testing.B, m *sessions.Manager, n int, path string) *Visitors {
	v := &Visitors{app: m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path != "/read" {
			Visits.Update(s, func(n int) int { return n + 1 })
		} else if n, ok := Visits.Get(s); !ok || n < 1 {
			b.Errorf("got %d visits", n)
		}
	}))}
	for range n {
		w := httptest.NewRecorder()
		v.app.ServeHTTP(w, httptest.NewRequest("GET", "/write", nil))
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		_, token, _ := strings.Cut(cookie, "=")
		s, err := m.Load(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		key, err := driver.ParseKey(s.ID())
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context()) // as net/http's is
		b.Cleanup(cancel)
		r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
		if path != "/new" {
			r.Header.Set("Cookie", cookie)
		}
		v.Keys, v.requests = append(v.Keys, key), append(v.requests, r)
	}
	return v
}

// Request sends the request of visitor i.
func (v *Visitors) Request(i int) error {
	v.app.ServeHTTP(&discard{make(http.Header)}, v.requests[i])
	return nil
}

// discard is a http.ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}
