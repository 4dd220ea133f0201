package explorer

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/pump-go/sessions/driver"
)

// mapStore keeps the driver contract in a map. One goroutine uses it at a time.
// It lists records in the order in which their keys came, so that runs repeat.
type mapStore struct {
	records map[driver.Key]driver.Record
	keys    []driver.Key // in the order of their creation
}

func newMapStore() *mapStore { return &mapStore{records: make(map[driver.Key]driver.Record)} }

func (s *mapStore) clone() *mapStore {
	c := &mapStore{records: make(map[driver.Key]driver.Record, 4), keys: slices.Clone(s.keys)}
	for k, r := range s.records {
		c.records[k] = r // Data is never changed
	}
	return c
}

func (s *mapStore) live(key driver.Key) (driver.Record, bool) {
	r, ok := s.records[key]
	return r, ok && !r.Expired(now())
}

func (s *mapStore) Load(_ context.Context, key driver.Key) (driver.Record, error) {
	r, ok := s.live(key)
	if !ok {
		return driver.Record{}, driver.ErrNotFound
	}
	r.Data = bytes.Clone(r.Data)
	return r, nil
}

func (s *mapStore) Save(_ context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	var version driver.Version // 0: there is none
	if r, ok := s.live(key); ok {
		version = r.Version
	}
	if version != old {
		return driver.ErrConflict
	}
	if !slices.Contains(s.keys, key) {
		s.keys = append(s.keys, key)
	}
	rec.Data, rec.Hint = bytes.Clone(rec.Data), nil
	s.records[key] = rec
	return nil
}

// renew is the Renew of a driver.Renewer.
func (s *mapStore) renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	if r, ok := s.live(oldKey); !ok || r.Version != old {
		return driver.ErrConflict
	}
	if err := s.Save(ctx, key, 0, rec); err != nil {
		return err
	}
	return s.Save(ctx, oldKey, old, forward)
}

func (s *mapStore) Touch(_ context.Context, key driver.Key, rec driver.Record) error {
	r, ok := s.live(key)
	if !ok || r.Version != rec.Version {
		return driver.ErrConflict
	}
	r.Accessed, r.Expires = rec.Accessed, rec.Expires
	s.records[key] = r
	return nil
}

func (s *mapStore) Delete(_ context.Context, key driver.Key, version driver.Version) error {
	if r, ok := s.live(key); version != 0 && (!ok || r.Version != version) {
		return driver.ErrConflict
	}
	delete(s.records, key)
	return nil
}

func (s *mapStore) All(context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for _, key := range slices.Clone(s.keys) {
			if r, ok := s.live(key); ok && !yield(driver.Entry{Key: key, Record: r}, nil) {
				return
			}
		}
	}
}

func (s *mapStore) Close() error { return nil }
