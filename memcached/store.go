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
	err = s.do("load", func() error {
		var cas uint64
		if rec, cas, err = s.get(ctx, s.itemKey(key)); err != nil {
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
	return s.do("save", func() error {
		item, err := s.item(s.itemKey(key), &rec)
		if err != nil {
			return err
		}
		if old == 0 {
			return s.create(ctx, item)
		}
		return s.replace(ctx, item, old, rec.Hint)
	})
}

// Touch writes the whole record, since memcached's touch command is unconditional and
// does not change the expiry in the record.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.do("touch", func() error {
		item, err := s.item(s.itemKey(key), &rec)
		if err != nil {
			return err
		}
		return s.replace(ctx, item, rec.Version, rec.Hint)
	})
}

// Delete at a version replaces the item with one that has expired, since memcached's
// delete command is unconditional.
func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.do("delete", func() error {
		if version == 0 {
			return s.server.delete(ctx, s.itemKey(key))
		}
		return s.replace(ctx, &memcache.Item{Key: s.itemKey(key), Expiration: immediately}, version, nil)
	})
}

// Close waits for running calls, and for commands in the background, which take at
// most twice the client's timeout.
func (s *store) Close() error { return s.gate.Close(s.server.close) }

// do runs f, which is a method of the store.
func (s *store) do(op string, f func() error) error {
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

// get returns the record of an item, expired or not, and its CAS ID.
func (s *store) get(ctx context.Context, itemKey string) (driver.Record, uint64, error) {
	item, err := s.server.get(ctx, itemKey)
	if err != nil {
		return driver.Record{}, 0, err
	}
	rec, err := driver.ParseRecord(item.Value)
	return rec, item.CasID, err
}

// create stores the item if there is no live record.
func (s *store) create(ctx context.Context, item *memcache.Item) error {
	for {
		err := s.server.add(ctx, item)
		if !errors.Is(err, driver.ErrConflict) {
			return err
		}
		rec, cas, err := s.get(ctx, item.Key)
		switch {
		case errors.Is(err, driver.ErrNotFound): // removed meanwhile
			continue
		case isUnreadable(err):
			return driver.ErrConflict
		case err != nil:
			return err
		case !rec.Expired(s.now()):
			return driver.ErrConflict
		}
		item.CasID = cas
		if err := s.server.compareAndSwap(ctx, item); !errors.Is(err, errChanged) && !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

// replace replaces the live record at version old with the item. The CAS ID may change
// without the record's version, by a touch, so replace then tries again.
func (s *store) replace(ctx context.Context, item *memcache.Item, old driver.Version, h any) error {
	cas, known := s.hintedCAS(h, old)
	for {
		if !known {
			rec, found, err := s.get(ctx, item.Key)
			switch {
			case errors.Is(err, driver.ErrNotFound), isUnreadable(err):
				return driver.ErrConflict
			case err != nil:
				return err
			case rec.Version != old || rec.Expired(s.now()):
				return driver.ErrConflict
			}
			cas = found
		}
		item.CasID = cas
		if err := s.server.compareAndSwap(ctx, item); !errors.Is(err, errChanged) {
			return err
		}
		known = false
	}
}

// isUnreadable reports whether err says that there is an item whose record, and so its
// version, cannot be read.
func isUnreadable(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}
