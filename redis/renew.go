package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

// renewer is the store on a single server, or with Sentinel. In a Cluster, the two
// records are in different slots, and a script cannot change both.
type renewer struct {
	*store
	// crossSlot: the server is a proxy of a Cluster.
	crossSlot atomic.Bool
}

var _ driver.Renewer = (*renewer)(nil)

// Renew runs one script, which also writes the entries in the owners' indexes.
func (s *renewer) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	if s.crossSlot.Load() {
		return fmt.Errorf("redis: renew: %w", errors.ErrUnsupported)
	}
	return s.do(ctx, "renew", func() error {
		err := s.renew(ctx, oldKey, old, &forward, key, &rec)
		if redis.HasErrorPrefix(err, "CROSSSLOT") {
			s.crossSlot.Store(true)
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		return err
	})
}

func (s *renewer) renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward *driver.Record, key driver.Key, rec *driver.Record) error {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(old))
	now := s.millis()
	forwarded, err := s.indexed(oldKey, old, forward, now)
	if err != nil {
		return err
	}
	renewed, err := s.indexed(key, 0, rec, now)
	if err != nil {
		return err
	}
	before, err := entryBefore(s.runOn(ctx, renewScript,
		[]string{forwarded.name, renewed.name, forwarded.index, renewed.index},
		int64(now), at[:],
		forwarded.value, ttl(forward.Expires, now), renewed.value, ttl(rec.Expires, now), margin.Milliseconds(),
		int64(forwarded.until), forwarded.member, int64(renewed.until), renewed.member,
		forward.Owner, oldKey[:]))
	if err == nil && (before.owner != forward.Owner || before.id != forwarded.id) {
		s.removeEntry(ctx, oldKey, before)
	}
	return err
}

// indexed is a record to be stored, with its entry in its owner's index.
type indexed struct {
	entry
	name, index string // of the keys; without an owner, index is name
	member      []byte // of the index; empty if it need not be added
	value       []byte
}

func (s *store) indexed(key driver.Key, old driver.Version, rec *driver.Record, now driver.Millis) (indexed, error) {
	x := indexed{name: s.recordName(key)}
	x.index = x.name
	if rec.Owner != "" {
		var add bool
		if x.entry, add = entryOf(rec, old, now, true); add {
			x.member = member(key, x.id)
		}
		x.index = s.indexName(rec.Owner)
	}
	var err error
	x.value, err = encode(rec, x.entry)
	return x, err
}
