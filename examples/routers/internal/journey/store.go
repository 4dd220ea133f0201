package journey

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
)

// Store is a memory store that counts its calls and can be made to fail.
type Store struct {
	driver.Store
	LoadsFail, SavesFail atomic.Bool
	Calls                atomic.Int64
}

var errDown = errors.New("dial tcp 192.0.2.7: connection refused")

// Load implements driver.Store.
func (s *Store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	s.Calls.Add(1)
	if s.LoadsFail.Load() {
		return driver.Record{}, errDown
	}
	return s.Store.Load(ctx, key)
}

// Save implements driver.Store.
func (s *Store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	s.Calls.Add(1)
	if s.SavesFail.Load() {
		return errDown
	}
	return s.Store.Save(ctx, key, old, rec)
}

// Sessions returns a Manager on a new Store. change, if not nil, may change the
// options first.
func Sessions(t *testing.T, change func(*sessions.Options)) (*sessions.Manager, *Store) {
	t.Helper()
	store := new(Store)
	o := sessions.Options{
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (_ driver.Store, err error) {
			store.Store, err = memory.New(memory.Options{}).Open(ctx, cfg)
			return store, err
		}),
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, store
}
