package file

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// All yields all live records, one directory after another.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for i := range shardCount {
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
			found := false
			if !s.yield(ctx, key, func(r *driver.Record) bool { found = r.Owner == owner; return found }, yield) {
				return
			}
			if !found {
				s.dropStaleEntry(ctx, owner, key)
			}
		}
	}
}

// yield yields the record at key if it is live and want returns true, and reports
// whether to continue. While it yields, it holds no lock, no open file and not the
// gate.
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

// keys returns the keys in directory i of the records. It holds the lock
// meanwhile: in some file systems a name that is being replaced is listed twice,
// or not at all.
func (s *store) keys(ctx context.Context, i int) ([]driver.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	name := s.records.shardName(i)
	if err := s.records.check(name); err != nil {
		return nil, ignoreAbsent(err)
	}
	if err := s.locks.shard(i).lock(ctx); err != nil {
		return nil, err
	}
	defer s.locks.shard(i).unlock()
	var keys []driver.Key
	err := eachName(s.records.shard(name), func(name string) {
		if key, err := driver.ParseKey(name); err == nil && shardOf(key) == i {
			keys = append(keys, key)
		}
	})
	return keys, ignoreAbsent(err)
}

// dropStaleEntry removes an entry of the owner index that leads nowhere because
// a process died after writing it and before writing the record.
func (s *store) dropStaleEntry(ctx context.Context, owner string, key driver.Key) {
	if s.enter(ctx) != nil {
		return
	}
	defer s.gate.Leave()
	lock := s.locks.of(key)
	if lock.lock(ctx) != nil {
		return
	}
	defer lock.unlock()
	name := key.String()
	rec, err := s.read(name, true)
	if err == driver.ErrNotFound || err == errUnborn || err == nil && rec.Owner != owner {
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
