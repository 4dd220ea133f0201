//go:build unix

package google_test

import (
	"context"
	"math/rand/v2"
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

// raw is the entity of a program that uses the client itself.
type raw struct {
	Record  []byte    `datastore:"record,noindex"`
	Expires time.Time `datastore:"expires"`
}

// BenchmarkRead compares the client's Get, which is a lookup, with the store's Load
// and with a request through the middleware that reads its session: see site.Compare.
func BenchmarkRead(b *testing.B) {
	onBench(b, "/read", func(ctx context.Context, r *rig) []site.Side {
		return []site.Side{
			{Name: "get", Do: func(i int) error { return r.client.Get(ctx, r.names[i], &raw{}) }},
			{Name: "store", Do: func(i int) error {
				_, err := r.store.Load(ctx, r.visitors.Keys[i])
				return err
			}},
			{Name: "request", Do: r.visitors.Request},
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
	onBench(b, "/write", func(ctx context.Context, r *rig) []site.Side {
		return []site.Side{
			{Name: "transaction", Do: func(i int) error {
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
			{Name: "get+put", Do: func(i int) error {
				var e raw
				if err := r.client.Get(ctx, r.names[i], &e); err != nil {
					return err
				}
				_, err := r.client.Put(ctx, r.names[i], &e)
				return err
			}},
			{Name: "store", Do: func(i int) error { return change(ctx, r.store, r.visitors.Keys[i]) }},
			{Name: "request", Do: r.visitors.Request},
		}
	})
}

// BenchmarkContract measures each method of the store.
func BenchmarkContract(b *testing.B) {
	for _, e := range emulators {
		b.Run(e.name, func(b *testing.B) { sessionstest.Benchmark(b, harness(e.shared)) })
	}
}

// users is more than callers, so that concurrent requests have different sessions.
const users = 200

// rig is visitors of an application, and a client and a store for their sessions.
type rig struct {
	visitors *site.Visitors
	client   *datastore.Client
	store    driver.Store
	names    [users]*datastore.Key
}

func newRig(b *testing.B, server *servers.Server, path string) *rig {
	k := kind()
	m := manager(b, sessions.Options{URL: urlOf(server, "&kind="+k), IdleTimeout: time.Hour})
	r := &rig{
		visitors: site.NewVisitors(b, m, users, path),
		client:   clientOf(b, server.Addr),
		store:    open(b, server.Addr, google.Options{Kind: k}),
	}
	for i, key := range r.visitors.Keys {
		r.names[i] = datastore.NameKey(k, key.String(), nil)
	}
	return r
}

func onBench(b *testing.B, path string, sides func(context.Context, *rig) []site.Side) {
	for _, e := range emulators {
		b.Run(e.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			site.Compare(b, []int{1, 16}, 200, users, sides(ctx, newRig(b, e.shared(b), path)))
		})
	}
}
