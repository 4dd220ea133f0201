package memcached_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/memcached"
)

// BenchmarkRead compares the raw get with the store's Load, and with a request through
// the middleware that reads its session: see site.Compare.
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

func compare(b *testing.B, path string,
	raw func(*memcache.Client, string) error, direct func(context.Context, driver.Store, driver.Key) error) {
	url := "memcached://" + start(b).addr()
	m := site.Manager(b, sessions.Options{URL: url, IdleTimeout: time.Hour})
	client := memcache.New(strings.TrimPrefix(url, "memcached://"))
	client.MaxIdleConns = 64
	defer client.Close()
	store, err := memcached.New(nil, memcached.Options{}).Open(b.Context(), driver.Config{URL: url}.WithDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()

	const users = 1000 // more than callers, so that concurrent requests have different sessions
	v := site.NewVisitors(b, m, users, path)
	var names [users]string
	for i, key := range v.Keys {
		names[i] = ":" + key.String()
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	site.Compare(b, []int{1, 16}, 300, users, []site.Side{
		{Name: "raw", Do: func(i int) error { return raw(client, names[i]) }},
		{Name: "store", Do: func(i int) error { return direct(ctx, store, v.Keys[i]) }},
		{Name: "request", Do: v.Request},
	})
}
