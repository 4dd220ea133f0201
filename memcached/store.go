package memcached

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
)

type store struct {
	gate      driver.Gate
	server    *server
	namespace string
	maxData   int
	now       func() time.Time
}

var _ driver.Store = (*store)(nil)

func (s *store) millis() driver.Millis { return driver.MillisOf(s.now()) }

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.call("load", func() error {
		var cas uint64
		if rec, cas, err = s.look(ctx, s.name(key)); err != nil {
			return err
		}
		if rec.Expired(s.now()) {
			rec = driver.Record{}
			return driver.ErrNotFound
		}
		rec.Hint = hint{cas, rec.Version, rec.Expires}
		return nil
	})
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.call("save", func() error {
		item, err := s.item(s.name(key), &rec)
		if err != nil {
			return err
		}
		if old == 0 {
			return s.create(ctx, item)
		}
		return s.replace(ctx, item, old, rec.Hint)
	})
}

// Touch writes the whole record again: memcached's own touch asks for no
// condition, and would revive a session's old state.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.call("touch", func() error {
		item, err := s.item(s.name(key), &rec)
		if err != nil {
			return err
		}
		return s.replace(ctx, item, rec.Version, rec.Hint)
	})
}

// Delete at a version replaces the item by one that has expired.
func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.call("delete", func() error {
		if version == 0 {
			return s.server.delete(ctx, s.name(key))
		}
		return s.replace(ctx, &memcache.Item{Key: s.name(key), Expiration: atOnce}, version, nil)
	})
}

// Close waits for what is under way, calls that nobody awaits any more
// included: a timeout of the client or two.
func (s *store) Close() error { return s.gate.Close(s.server.close) }

// call runs one call of the contract.
func (s *store) call(op string, f func() error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		err = f()
	}
	if err != nil {
		return fmt.Errorf("memcached: %s: %w", op, err)
	}
	return nil
}

// look returns the record that is stored, expired or not.
func (s *store) look(ctx context.Context, name string) (driver.Record, uint64, error) {
	item, err := s.server.get(ctx, name)
	if err != nil {
		return driver.Record{}, 0, err
	}
	rec, err := driver.ParseRecord(item.Value)
	return rec, item.CasID, err
}

// create stores the item where no live record is.
func (s *store) create(ctx context.Context, item *memcache.Item) error {
	for {
		err := s.server.add(ctx, item)
		if !errors.Is(err, driver.ErrConflict) {
			return err
		}
		rec, cas, err := s.look(ctx, item.Key)
		switch {
		case errors.Is(err, driver.ErrNotFound): // it went meanwhile
			continue
		case unreadable(err):
			return driver.ErrConflict
		case err != nil:
			return err
		case !rec.Expired(s.now()):
			return driver.ErrConflict
		}
		item.CasID = cas
		if err := s.server.swap(ctx, item); !errors.Is(err, errMoved) && !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

// replace stores the item over the live record at version old. That the CAS id
// has moved on need not mean that the version has: somebody may have touched
// the record.
func (s *store) replace(ctx context.Context, item *memcache.Item, old driver.Version, h any) error {
	cas, known := s.casOf(h, old)
	for {
		if !known {
			rec, found, err := s.look(ctx, item.Key)
			switch {
			case errors.Is(err, driver.ErrNotFound), unreadable(err):
				return driver.ErrConflict
			case err != nil:
				return err
			case rec.Version != old || rec.Expired(s.now()):
				return driver.ErrConflict
			}
			cas = found
		}
		item.CasID = cas
		if err := s.server.swap(ctx, item); !errors.Is(err, errMoved) {
			return err
		}
		known = false
	}
}

// unreadable tells that there is an item, whose version nobody can tell.
func unreadable(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}
