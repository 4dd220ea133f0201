package google

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

type store struct {
	cfg    driver.Config
	at     place
	client *datastore.Client
	ours   bool         // Close closes the client
	way    atomic.Int32 // how a session is swapped; see swap.go
	turns  turns
	late   sync.WaitGroup // transactions that nobody waits for any more
	gate   driver.Gate
	stop   func() // ends the sweeper
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

// name is the key that Datastore knows a session by.
func (s *store) name(key driver.Key) *datastore.Key {
	return &datastore.Key{Kind: s.at.Kind, Name: key.String(), Namespace: s.at.Namespace}
}

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.call(ctx, "load", func(ctx context.Context) error {
		k, t, e := s.name(key), &terms{}, &entity{}
		err := s.client.Get(withTerms(ctx, t), k, e)
		if errors.Is(err, datastore.ErrNoSuchEntity) {
			return driver.ErrNotFound
		}
		if err != nil {
			return err
		}
		found, err := e.parse()
		if err != nil {
			return err
		}
		if found.Expired(s.cfg.Now()) {
			return driver.ErrNotFound
		}
		rec = found
		rec.Hint = hint{t.version(k), rec.Version, rec.Expires}
		return nil
	})
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.call(ctx, "save", func(ctx context.Context) error {
		e, err := s.entity(&rec)
		if err != nil {
			return err
		}
		k := s.name(key)
		if old == 0 {
			return s.create(ctx, k, e)
		}
		return s.replace(ctx, k, old, rec.Hint, datastore.NewUpdate(k, e))
	})
}

// Touch writes the whole entity again, as a record is one property.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.call(ctx, "touch", func(ctx context.Context) error {
		e, err := s.entity(&rec)
		if err != nil {
			return err
		}
		k := s.name(key)
		return s.replace(ctx, k, rec.Version, rec.Hint, datastore.NewUpdate(k, e))
	})
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.call(ctx, "delete", func(ctx context.Context) error {
		k := s.name(key)
		remove := datastore.NewDelete(k)
		if version != 0 {
			return s.replace(ctx, k, version, nil, remove)
		}
		return s.commit(ctx, &terms{}, remove)
	})
}

// Close waits for what is under way, transactions that nobody waits for any
// more included, which have five seconds to let go of their locks.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(func() error {
		s.late.Wait()
		if !s.ours {
			return nil
		}
		return s.client.Close()
	})
}
