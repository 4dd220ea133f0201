package dbm

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/dbm/internal/sharedbolt"
	"github.com/pump-go/sessions/driver"
)

// store keeps the sessions of one namespace in a database.
type store struct {
	cfg   driver.Config
	db    *sharedbolt.DB
	names *names
	gate  driver.Gate
	stop  func() // stops the sweeper
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Renewer = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

func newStore(cfg driver.Config, db *sharedbolt.DB) *store {
	s := &store{cfg: cfg, db: db, names: namesOf(cfg.Namespace)}
	s.stop = driver.StartSweeper(cfg, s.Sweep)
	return s
}

func (s *store) now() driver.Millis { return driver.MillisOf(s.cfg.Now()) }

// Load reads from a snapshot. It does not wait for writers.
func (s *store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	var rec driver.Record
	err := s.view(ctx, func(b buckets) error {
		found, err := b.live(key, s.now())
		if err != nil {
			return err
		}
		if found.Version == 0 {
			return driver.ErrNotFound
		}
		rec = found
		rec.Data = bytes.Clone(rec.Data) // valid until the transaction ends
		return nil
	})
	return rec, wrap("load", err)
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	w, err := newWrite(key, old, rec)
	if err != nil {
		return wrap("save", err)
	}
	return wrap("save", s.writeAll(ctx, w))
}

// Renew writes both records in one transaction.
func (s *store) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	replaced, err := newWrite(oldKey, old, forward)
	if err != nil {
		return wrap("renew", err)
	}
	created, err := newWrite(key, 0, rec)
	if err != nil {
		return wrap("renew", err)
	}
	return wrap("renew", s.writeAll(ctx, replaced, created))
}

// write is a record to be written if the live one has the version old; 0: if there
// is none.
type write struct {
	key driver.Key
	old driver.Version
	rec driver.Record // without Data, which is the caller's: the write may outlive the call
	raw []byte        // encoded
}

func newWrite(key driver.Key, old driver.Version, rec driver.Record) (write, error) {
	raw, err := encode(&rec)
	rec.Data = nil
	return write{key, old, rec, raw}, err
}

// writeAll performs all writes, or none if one of them conflicts.
func (s *store) writeAll(ctx context.Context, writes ...write) error {
	size := 0
	for _, w := range writes {
		size += len(w.raw)
	}
	return s.update(ctx, size, func(b buckets) (bool, error) {
		var stored [2]driver.Record
		for i, w := range writes {
			was, err := b.get(w.key)
			if err != nil {
				return false, err
			}
			present := was.Version
			if was.Expires <= s.now() {
				present = 0
			}
			if present != w.old {
				return false, driver.ErrConflict
			}
			stored[i] = was
		}
		for i, w := range writes {
			if err := b.put(w.key, &stored[i], &w.rec, w.raw); err != nil {
				return true, err
			}
		}
		return true, nil
	})
}

// Touch writes the whole record, because a record with the same version differs
// only in its times.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	raw, err := encode(&rec)
	if err != nil {
		return wrap("touch", err)
	}
	rec.Data = nil
	return wrap("touch", s.update(ctx, len(raw), func(b buckets) (bool, error) {
		was, err := b.live(key, s.now())
		if err != nil {
			return false, err
		}
		if was.Version != rec.Version {
			return false, driver.ErrConflict
		}
		return true, b.put(key, &was, &rec, raw)
	}))
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return wrap("delete", s.update(ctx, 0, func(b buckets) (bool, error) {
		if version == 0 {
			return b.deleteAny(key)
		}
		was, err := b.live(key, s.now())
		if err != nil {
			return false, err
		}
		if was.Version != version {
			return false, driver.ErrConflict
		}
		return true, b.delete(key, &was)
	}))
}

// Close stops the sweeper, waits for running calls, and closes the file.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(s.db.Close)
}

// view runs f in a read-only transaction.
func (s *store) view(ctx context.Context, f func(buckets) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.View(ctx, func(tx *bbolt.Tx) error { return f(buckets{tx, s.names}) })
}

// update runs f, which may write size bytes, in a transaction that it may share
// with others. f may run more than once, and after update has returned.
func (s *store) update(ctx context.Context, size int, f func(buckets) (wrote bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.Update(ctx, size, func(tx *bbolt.Tx) (bool, error) {
		b := buckets{tx, s.names}
		if b.missing() {
			if err := b.create(); err != nil {
				return true, err
			}
		}
		return f(b)
	})
}

func encode(rec *driver.Record) ([]byte, error) {
	if len(rec.Data) > MaxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), MaxData, driver.ErrTooLarge)
	}
	return driver.AppendRecord(make([]byte, 0, len(rec.Data)+len(rec.Owner)+driver.RecordOverhead), *rec)
}

// wrap names the operation that failed.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("dbm: %s: %w", operation, err)
}
