package redis

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

type store struct {
	gate         driver.Gate
	client       redis.UniversalClient
	release      func() error // closes the client, if Open made it
	prefix       string
	now          func() time.Time
	logger       *slog.Logger
	waitReplicas int

	checked    atomic.Bool // the eviction policy
	background sync.WaitGroup

	lastWarning atomic.Int64 // about unconfirmed writes, Unix time in ns
}

var (
	_ driver.Lister = (*store)(nil)
	_ driver.Owners = (*store)(nil)
)

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.do(ctx, "load", func() error {
		rec, err = s.record(s.client.Get(ctx, s.recordName(key)))
		return err
	})
	return rec, err
}

// record returns the live record of an answer to GET.
func (s *store) record(answer *redis.StringCmd) (driver.Record, error) {
	value, err := answer.Bytes()
	switch {
	case err == redis.Nil:
		return driver.Record{}, driver.ErrNotFound
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return driver.Record{}, fmt.Errorf("%w: %w", driver.ErrCorrupt, err)
	case err != nil:
		return driver.Record{}, err
	}
	rec, err := decode(value)
	if err != nil {
		return driver.Record{}, err
	}
	if rec.Expired(s.now()) {
		return driver.Record{}, driver.ErrNotFound
	}
	return rec, nil
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.do(ctx, "save", func() error { return s.write(ctx, key, old, &rec, true) })
}

// Touch writes the whole record, as the contract allows.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.do(ctx, "touch", func() error { return s.write(ctx, key, rec.Version, &rec, false) })
}

func (s *store) write(ctx context.Context, key driver.Key, old driver.Version, rec *driver.Record, isSave bool) error {
	var e entry
	if rec.Owner != "" {
		var add bool
		e, add = entryOf(rec, old, s.millis(), isSave)
		if add && len(rec.Data) <= maxData {
			if err := s.addEntry(ctx, key, e); err != nil {
				return fmt.Errorf("index of the owner: %w: %w", driver.ErrNotWritten, err)
			}
		}
	}
	value, err := encode(rec, e)
	if err != nil {
		return err
	}
	left := ttl(rec.Expires, s.millis())
	if old == 0 {
		// Cheaper than the script, which is needed only if there is a value: that of a
		// record that has expired or is live.
		if done, err := s.create(ctx, key, value, left); done || err != nil {
			return err
		}
	}
	before, err := s.change(ctx, writeScript, key, old, value, left)
	if err == nil && isSave && (before.owner != rec.Owner || before.id != e.id) {
		s.removeEntry(ctx, key, before)
	}
	return err
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.do(ctx, "delete", func() error {
		before, err := s.change(ctx, deleteScript, key, version)
		if err == nil {
			s.removeEntry(ctx, key, before)
		}
		return err
	})
}

// Close waits for running calls.
func (s *store) Close() error {
	return s.gate.Close(func() error {
		s.background.Wait()
		return s.release()
	})
}

// do runs f, which is a method of the store.
func (s *store) do(ctx context.Context, op string, f func() error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		if err = ctx.Err(); err == nil {
			err = withContextErr(ctx, f())
		}
		if !s.checked.Load() && (err == nil || errors.Is(err, driver.ErrNotFound)) && s.checked.CompareAndSwap(false, true) {
			s.background.Go(s.checkEviction)
		}
	}
	if _, single := s.client.(*redis.Client); single && redis.HasErrorPrefix(err, "MOVED ") {
		err = fmt.Errorf("%w: %w", errNoCluster, err)
	}
	if err != nil {
		return fmt.Errorf("redis: %s: %w", op, err)
	}
	return nil
}

func (s *store) millis() driver.Millis { return driver.MillisOf(s.now()) }

// recordName returns the name of a record's value.
func (s *store) recordName(key driver.Key) string {
	b := make([]byte, 0, len(keyspace)+64+1+2*len(key)) // the maximum, a constant to stay on the stack
	return string(hex.AppendEncode(append(b, s.prefix...), key[:]))
}
