package file

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// All yields every live record, a directory at a time.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for i := range recordDirs {
			keys, err := s.keys(ctx, i)
			if err != nil {
				yield(driver.Entry{}, fmt.Errorf("file: list: %w", err))
				return
			}
			for _, key := range keys {
				if !s.yield(ctx, key, func(*driver.Record) bool { return true }, yield) {
					return
				}
			}
		}
	}
}

// Owned yields the live records of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		keys, err := s.owned(ctx, owner)
		if err != nil {
			yield(driver.Entry{}, fmt.Errorf("file: list owned: %w", err))
			return
		}
		for _, key := range keys {
			is := false
			if !s.yield(ctx, key, func(r *driver.Record) bool { is = r.Owner == owner; return is }, yield) {
				return
			}
			if !is {
				s.disown(ctx, owner, key)
			}
		}
	}
}

// yield yields the record at key, if it is live and wanted, and tells whether
// to go on. It holds no lock, no file and no place in the gate meanwhile.
func (s *store) yield(ctx context.Context, key driver.Key, want func(*driver.Record) bool, yield func(driver.Entry, error) bool) bool {
	rec, err := s.load(ctx, key)
	switch {
	case err == driver.ErrNotFound || err == nil && !want(&rec):
		return true
	case err == nil:
		return yield(driver.Entry{Key: key, Record: rec}, nil)
	case errors.Is(err, driver.ErrCorrupt), errors.Is(err, driver.ErrNewerFormat):
		return yield(driver.Entry{Key: key}, fmt.Errorf("file: list: %w", err))
	default:
		yield(driver.Entry{}, fmt.Errorf("file: list: %w", err))
		return false
	}
}

// keys returns the keys in directory i of the records. It holds the lock for
// that long: on some disks a name that is being renamed over shows twice, or
// not at all.
func (s *store) keys(ctx context.Context, i int) ([]driver.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	name := s.records.each(i)
	if err := s.records.check(name); err != nil {
		return nil, ignoreAbsent(err)
	}
	if err := s.locks.dirs[i].lock(ctx); err != nil {
		return nil, err
	}
	defer s.locks.dirs[i].unlock()
	var keys []driver.Key
	err := eachName(s.records.under(name), func(name string) {
		if key, err := driver.ParseKey(name); err == nil && dirOf(key) == i {
			keys = append(keys, key)
		}
	})
	return keys, ignoreAbsent(err)
}

// disown drops an index entry that leads nowhere: a process died between the
// index and the record.
func (s *store) disown(ctx context.Context, owner string, key driver.Key) {
	if s.enter(ctx) != nil {
		return
	}
	defer s.gate.Leave()
	lock := &s.locks.dirs[dirOf(key)]
	if lock.lock(ctx) != nil {
		return
	}
	defer lock.unlock()
	name := key.String()
	rec, err := s.read(name)
	if err == driver.ErrNotFound || err == nil && rec.Owner != owner {
		s.owners.drop(owner, name)
	}
}

func (s *store) owned(ctx context.Context, owner string) ([]driver.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	if owner == "" {
		return nil, nil
	}
	return s.owners.keys(owner)
}
