package sessionstest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// mapStore is the simplest store that keeps the contract: a map and a mutex. It
// is used by NewManager and by the suite's own tests.
type mapStore struct {
	gate      driver.Gate
	namespace string
	now       func() time.Time
	stop      func()
	limit     int // of Data, in bytes; 0 for none
	// do calls f with the records of all namespaces, one call at a time.
	do func(f func(mapRecords) error) error
}

type mapRecords map[mapKey]driver.Record

type mapKey struct {
	Namespace string
	Key       driver.Key
}

// mapDriver opens mapStores. Stores opened with the same URL and DataDir share
// their records.
type mapDriver struct {
	mu       sync.Mutex
	backends map[string]*mapBackend
}

type mapBackend struct {
	mu      sync.Mutex
	records mapRecords
}

func (d *mapDriver) Open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	s := newMapStore(cfg, d.backend(cfg).do)
	s.start(cfg)
	return s, nil
}

// backend returns the records that stores with this URL and DataDir share.
func (d *mapDriver) backend(cfg driver.Config) *mapBackend {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := cfg.URL + "\x00" + cfg.DataDir
	b := d.backends[name]
	if b == nil {
		b = &mapBackend{records: make(mapRecords)}
		if d.backends == nil {
			d.backends = make(map[string]*mapBackend)
		}
		d.backends[name] = b
	}
	return b
}

func (b *mapBackend) do(f func(mapRecords) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return f(b.records)
}

// newMapStore returns a store without a sweeper; see start.
func newMapStore(cfg driver.Config, do func(func(mapRecords) error) error) *mapStore {
	return &mapStore{namespace: cfg.Namespace, now: cfg.WithDefaults().Now, do: do}
}

func (s *mapStore) start(cfg driver.Config) {
	s.stop = driver.StartSweeper(cfg.WithDefaults(), s.Sweep)
}

// run calls f, unless the store is closed or the context has ended.
func (s *mapStore) run(ctx context.Context, f func(mapRecords) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.do(f)
}

func (s *mapStore) at(key driver.Key) mapKey { return mapKey{s.namespace, key} }

// live returns the record at key, if there is one that has not expired.
func (s *mapStore) live(m mapRecords, key driver.Key) (driver.Record, bool) {
	r, ok := m[s.at(key)]
	return r, ok && !r.Expired(s.now())
}

// own returns the record with its own copy of the data, and without a hint.
func own(r driver.Record) driver.Record {
	r.Data, r.Hint = bytes.Clone(r.Data), nil
	return r
}

func (s *mapStore) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.run(ctx, func(m mapRecords) error {
		r, ok := s.live(m, key)
		if !ok {
			return driver.ErrNotFound
		}
		rec = own(r)
		return nil
	})
	return rec, err
}

func (s *mapStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.run(ctx, func(m mapRecords) error {
		if s.limit > 0 && len(rec.Data) > s.limit {
			return fmt.Errorf("%d bytes of data, at most %d: %w", len(rec.Data), s.limit, driver.ErrTooLarge)
		}
		// An absent record has version 0, so one comparison serves both uses.
		var at driver.Version
		if r, ok := s.live(m, key); ok {
			at = r.Version
		}
		if at != old {
			return driver.ErrConflict
		}
		m[s.at(key)] = own(rec)
		return nil
	})
}

func (s *mapStore) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	return s.run(ctx, func(m mapRecords) error {
		if n := max(len(forward.Data), len(rec.Data)); s.limit > 0 && n > s.limit {
			return fmt.Errorf("%d bytes of data, at most %d: %w", n, s.limit, driver.ErrTooLarge)
		}
		was, ok := s.live(m, oldKey)
		if _, taken := s.live(m, key); !ok || was.Version != old || taken {
			return driver.ErrConflict
		}
		m[s.at(oldKey)], m[s.at(key)] = own(forward), own(rec)
		return nil
	})
}

func (s *mapStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.run(ctx, func(m mapRecords) error {
		r, ok := s.live(m, key)
		if !ok || r.Version != rec.Version {
			return driver.ErrConflict
		}
		r.Accessed, r.Expires = rec.Accessed, rec.Expires
		m[s.at(key)] = r
		return nil
	})
}

func (s *mapStore) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.run(ctx, func(m mapRecords) error {
		if version != 0 {
			if r, ok := s.live(m, key); !ok || r.Version != version {
				return driver.ErrConflict
			}
		}
		delete(m, s.at(key))
		return nil
	})
}

func (s *mapStore) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, func(driver.Record) bool { return true })
}

func (s *mapStore) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, func(r driver.Record) bool { return owner != "" && r.Owner == owner })
}

// list copies the records before it yields, to hold no lock while it yields.
func (s *mapStore) list(ctx context.Context, pick func(driver.Record) bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var entries []driver.Entry
		err := s.run(ctx, func(m mapRecords) error {
			for at, r := range m {
				if at.Namespace == s.namespace && !r.Expired(s.now()) && pick(r) {
					entries = append(entries, driver.Entry{Key: at.Key, Record: own(r)})
				}
			}
			return nil
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *mapStore) Sweep(ctx context.Context) (removed int, err error) {
	err = s.run(ctx, func(m mapRecords) error {
		for at, r := range m {
			if at.Namespace == s.namespace && r.Expired(s.now()) {
				delete(m, at)
				removed++
			}
		}
		return nil
	})
	return removed, err
}

func (s *mapStore) Close() error {
	return s.gate.Close(func() error { s.stop(); return nil })
}
