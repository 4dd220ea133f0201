package google

import (
	"context"
	"errors"
	"sync/atomic"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

type store struct {
	cfg           driver.Config
	settings      settings
	client        *datastore.Client
	ownClient     bool // Close closes the client
	serverChecked atomic.Bool
	gate          driver.Gate
	stop          func() // stops the sweeper
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

// entityKey returns the Datastore key of a session.
func (s *store) entityKey(key driver.Key) *datastore.Key {
	return &datastore.Key{Kind: s.settings.Kind, Name: key.String(), Namespace: s.settings.Namespace}
}

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.do(ctx, "load", func(ctx context.Context) error {
		k, r, e := s.entityKey(key), &request{}, &entity{}
		err := s.client.Get(withRequest(ctx, r), k, e)
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
		rec.Hint = hint{r.version(k), rec.Version, rec.Expires}
		return nil
	})
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.do(ctx, "save", func(ctx context.Context) error {
		e, err := s.entity(&rec)
		if err != nil {
			return err
		}
		k := s.entityKey(key)
		if old == 0 {
			return s.create(ctx, k, e)
		}
		return s.replace(ctx, k, old, rec.Hint, datastore.NewUpdate(k, e))
	})
}

// Touch writes the whole entity, since the record is one property.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.do(ctx, "touch", func(ctx context.Context) error {
		e, err := s.entity(&rec)
		if err != nil {
			return err
		}
		k := s.entityKey(key)
		return s.replace(ctx, k, rec.Version, rec.Hint, datastore.NewUpdate(k, e))
	})
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.do(ctx, "delete", func(ctx context.Context) error {
		k := s.entityKey(key)
		remove := datastore.NewDelete(k)
		if version != 0 {
			return s.replace(ctx, k, version, nil, remove)
		}
		return s.commit(ctx, &request{}, remove)
	})
}

// Close stops the sweeper and waits for running calls.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(func() error {
		if !s.ownClient {
			return nil
		}
		return s.client.Close()
	})
}
