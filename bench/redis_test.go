package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/redis"
)

// Redis is one private server, and all contenders use a client with the same settings.

func redisClient(tb testing.TB) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: servers.Redis(tb).Addr, ContextTimeoutEnabled: true})
	tb.Cleanup(func() { c.Close() })
	return c
}

func oursRedis(tb testing.TB) app { return oursOnRedis(tb, redisClient(tb)) }

func oursOnRedis(tb testing.TB, c *goredis.Client) app {
	return ours(tb, sessions.Options{Driver: redis.New(c, redis.Options{}), Namespace: fmt.Sprint("b", tables.Add(1))})
}

func scsRedis(tb testing.TB) app { return scsOnRedis(tb, redisClient(tb)) }

func scsOnRedis(tb testing.TB, c *goredis.Client) app {
	prefix := fmt.Sprintf("scs%d:", tables.Add(1))
	m := scs.New()
	m.Store = goredisstore.NewWithPrefix(c, prefix)
	return scsApp(m, func() (n int) {
		keys := c.Scan(context.Background(), 0, prefix+"*", 1000).Iterator()
		for keys.Next(context.Background()) {
			n++
		}
		if err := keys.Err(); err != nil {
			tb.Fatal(err)
		}
		return n
	})
}

// rawValues is GET, and SET with a time to live. With swap, a script compares the
// version before SET, since Redis before 8.4 has no command for that.
type rawValues struct {
	c      *goredis.Client
	prefix string
	swap   bool
}

func rawRedis(swap bool) func(testing.TB) app {
	return func(tb testing.TB) app { return rawOnRedis(redisClient(tb), swap) }
}

func rawOnRedis(c *goredis.Client, swap bool) app {
	return rawApp(rawValues{c, fmt.Sprintf("raw%d:", tables.Add(1)), swap})
}

func (s rawValues) load(cookie string) (old stored, err error) {
	old.bytes, err = s.c.Get(context.Background(), s.prefix+cookie).Bytes()
	return old, err
}

var compareAndSet = goredis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return false end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])`)

func (s rawValues) save(cookie string, old stored, b []byte) (string, error) {
	ctx, name := context.Background(), s.prefix+cookie
	if !s.swap {
		return cookie, s.c.Set(ctx, name, b, time.Hour).Err()
	}
	if old.isNew() {
		added, err := s.c.SetNX(ctx, name, b, time.Hour).Result()
		if err == nil && !added {
			err = errConflict
		}
		return cookie, err
	}
	err := compareAndSet.Run(ctx, s.c, []string{name}, old.version(), b, time.Hour.Milliseconds()).Err()
	if err == goredis.Nil {
		err = errConflict
	}
	return cookie, err
}

// BenchmarkRedis compares requests on many sessions from 16 and 64 callers. All sides
// use the same client, and take turns in short rounds. Every figure is the median of
// the rounds: x-pump and x-scs are the ratios to the raw commands, and faster is scs's
// time by this library's.
func BenchmarkRedis(b *testing.B) {
	const (
		users     = 256
		roundSize = 512
	)
	c := redisClient(b)
	names := [...]string{"raw-cas", "pump", "scs"}
	for _, w := range []work{read, write, fresh, signIn} {
		for _, callers := range []int{16, 64} {
			b.Run(fmt.Sprintf("work=%s/callers=%d", w, callers), func(b *testing.B) {
				apps := []app{rawOnRedis(c, true), oursOnRedis(b, c), scsOnRedis(b, c)}
				var clients [3][]*client // of each side, one for each user
				for side, a := range apps {
					if a.handler(w) == nil {
						continue
					}
					for range users {
						clients[side] = append(clients[side], start(b, a, fill))
					}
				}
				var took, ratios [3][]float64
				var faster []float64
				for b.Loop() {
					var round [3]time.Duration
					for side, a := range apps {
						if clients[side] == nil {
							continue
						}
						round[side] = redisRound(b, a.handler(w), w, clients[side], callers, roundSize)
						took[side] = append(took[side], float64(round[side])/roundSize)
						if round[0] > 0 {
							ratios[side] = append(ratios[side], float64(round[side])/float64(round[0]))
						}
					}
					faster = append(faster, float64(round[2])/float64(round[1]))
				}
				b.ReportMetric(0, "ns/op")
				for side, name := range names {
					if len(took[side]) > 0 {
						b.ReportMetric(median(took[side]), "ns/"+name)
					}
					if side > 0 && len(ratios[side]) > 0 {
						b.ReportMetric(median(ratios[side]), "x-"+name)
					}
				}
				b.ReportMetric(median(faster), "faster")
			})
		}
	}
}

// redisRound makes requests from concurrent callers, each with its own clients, and
// returns the time they took.
func redisRound(b *testing.B, h http.Handler, w work, clients []*client, callers, requests int) time.Duration {
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range callers {
		wg.Go(func() {
			for n := i; n < requests; n += callers {
				// With requests and clients multiples of callers, no other caller has it.
				c := clients[n%len(clients)]
				if w == fresh {
					c = newClient(b)
				}
				c.send(h)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if int(done.Load()) != requests {
		b.Fatalf("%d of %d requests", done.Load(), requests)
	}
	return took
}
