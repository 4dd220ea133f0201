//go:build unix

package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

// The benchmarks compare the raw commands, the store's methods, and a request through
// the middleware, all with the same client: see site.Compare.

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

func compare(b *testing.B, path string,
	raw func(*goredis.Client, context.Context, string) error, direct func(context.Context, driver.Store, driver.Key) error) {
	client := goredis.NewClient(&goredis.Options{Addr: servers.OwnRedis(b).Addr, ContextTimeoutEnabled: true})
	defer client.Close()
	m := site.Manager(b, sessions.Options{Driver: redis.New(client, redis.Options{}), IdleTimeout: time.Hour})
	store := openWith(b, redis.New(client, redis.Options{}), "")

	const users = 1024 // more than callers, so that concurrent requests have different sessions
	v := site.NewVisitors(b, m, users, path)
	var names [users]string
	for i, key := range v.Keys {
		// Its value is that of the session, under a name of its own.
		names[i] = "raw:" + key.String()
		if err := client.Copy(b.Context(), "sessions::"+key.String(), names[i], 0, true).Err(); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	site.Compare(b, []int{1, 16, 64}, 512, users, []site.Side{
		{Name: "raw", Do: func(i int) error { return raw(client, ctx, names[i]) }},
		{Name: "store", Do: func(i int) error { return direct(ctx, store, v.Keys[i]) }},
		{Name: "request", Do: v.Request},
	})
}
