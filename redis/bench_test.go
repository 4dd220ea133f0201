//go:build unix

package redis_test

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

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

// roundSize is the number of requests that each side makes in a round.
const roundSize = 512

// side is one of those compared in BenchmarkRead, BenchmarkWrite and BenchmarkNew: the
// raw commands, the store's methods, and a request through the middleware. All use the
// same client, and take turns in short rounds, so that other load on the machine affects
// all of them. Every figure is the median of the rounds; x-store and x-request are the
// ratios to the raw commands.
type side struct {
	name string
	do   func(i int) error
}

// BenchmarkRead compares GET with Load.
func BenchmarkRead(b *testing.B) {
	compare(b, "/read",
		func(c *goredis.Client, ctx context.Context, name string) error { return c.Get(ctx, name).Err() },
		func(ctx context.Context, s driver.Store, key driver.Key) error {
			_, err := s.Load(ctx, key)
			return err
		})
}

// BenchmarkWrite compares GET and SET with Load and Save.
func BenchmarkWrite(b *testing.B) {
	compare(b, "/write",
		func(c *goredis.Client, ctx context.Context, name string) error {
			value, err := c.Get(ctx, name).Bytes()
			if err != nil {
				return err
			}
			return c.Set(ctx, name, value, time.Hour).Err()
		},
		func(ctx context.Context, s driver.Store, key driver.Key) error {
			rec, err := s.Load(ctx, key)
			if err != nil {
				return err
			}
			old := rec.Version
			rec.Version = version()
			return s.Save(ctx, key, old, rec)
		})
}

// BenchmarkNew compares SET with Save of a new record.
func BenchmarkNew(b *testing.B) {
	value := make([]byte, 80)
	compare(b, "/new",
		func(c *goredis.Client, ctx context.Context, _ string) error {
			return c.Set(ctx, fmt.Sprint("raw:", rand.Uint64()), value, time.Hour).Err()
		},
		func(ctx context.Context, s driver.Store, _ driver.Key) error {
			var key driver.Key
			for i := range 4 {
				for j, n := 0, rand.Uint64(); j < 8; j, n = j+1, n>>8 {
					key[8*i+j] = byte(n)
				}
			}
			rec := record(version(), "", "")
			rec.Data = value[:80-driver.RecordOverhead]
			return s.Save(ctx, key, 0, rec)
		})
}

func version() driver.Version { return driver.Version(rand.Int64N(1<<62) + 1) }

// discard is a http.ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}

func compare(b *testing.B, path string,
	raw func(*goredis.Client, context.Context, string) error, direct func(context.Context, driver.Store, driver.Key) error) {
	client := goredis.NewClient(&goredis.Options{Addr: servers.OwnRedis(b).Addr, ContextTimeoutEnabled: true})
	defer client.Close()
	m := site.Manager(b, sessions.Options{Driver: redis.New(client, redis.Options{}), IdleTimeout: time.Hour})
	app := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/read":
			if n, ok := site.Visits.Get(s); !ok || n < 1 {
				b.Errorf("visits: %d", n)
			}
		default:
			site.Visits.Update(s, func(n int) int { return n + 1 })
		}
	}))
	store := openWith(b, redis.New(client, redis.Options{}), "")

	const users = 1024 // more than callers, so that concurrent requests have different sessions
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
		if path != "/new" {
			requests[i].Header.Set("Cookie", cookie)
		}
		_, token, _ := strings.Cut(cookie, "=")
		s, err := m.Load(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		if keys[i], err = driver.ParseKey(s.ID()); err != nil {
			b.Fatal(err)
		}
		// Its value is that of the session, under a name of its own.
		names[i] = "raw:" + s.ID()
		if err := client.Copy(b.Context(), "sessions::"+s.ID(), names[i], 0, true).Err(); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	sides := []side{
		{"raw", func(i int) error { return raw(client, ctx, names[i]) }},
		{"store", func(i int) error { return direct(ctx, store, keys[i]) }},
		{"request", func(i int) error {
			app.ServeHTTP(&discard{make(http.Header)}, requests[i])
			return nil
		}},
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) {
			times, ratios := make([][]float64, len(sides)), make([][]float64, len(sides))
			for b.Loop() {
				took := make([]time.Duration, len(sides))
				for i, side := range sides {
					took[i] = round(b, n, func(i int) error { return side.do(i % users) })
					times[i] = append(times[i], float64(took[i])/roundSize)
					ratios[i] = append(ratios[i], float64(took[i])/float64(took[0]))
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, side := range sides {
				b.ReportMetric(median(times[i]), "ns/"+side.name)
				if i > 0 {
					b.ReportMetric(median(ratios[i]), "x-"+side.name)
				}
			}
		})
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
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
