package redisdriver

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

// page is how many entries of the index are looked at together.
const page = 100

// All yields every live session.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, "k", func(driver.Record) bool { return true })
}

// Owned yields the live sessions of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, "o"+string([]byte{byte(len(owner))})+owner, func(rec driver.Record) bool {
		return rec.Owner == owner // it may have changed since the index was read
	})
}

// found is an entry as it is yielded.
type found struct {
	entry driver.Entry
	err   error
}

// list yields the sessions whose names in the index begin with prefix. What
// follows are their keys, in order, so a page begins behind the last key of the
// one before and none comes twice, as some would from SCAN. A page is fetched
// whole before it is yielded, so nothing is held meanwhile.
func (s *store) list(ctx context.Context, prefix string, keep func(driver.Record) bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		from, to := "["+prefix, "["+prefix+strings.Repeat("\xff", len(driver.Key{}))
		for {
			var names []string
			var sessions []found
			err := s.call(ctx, "list", func() (err error) {
				names, err = s.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: s.index(), ByLex: true, Start: from, Stop: to, Count: page}).Result()
				if err == nil {
					sessions, err = s.fetch(ctx, names)
				}
				return err
			})
			if err != nil {
				yield(driver.Entry{}, err)
				return
			}
			for _, f := range sessions {
				if (f.err != nil || keep(f.entry.Record)) && !yield(f.entry, f.err) {
					return
				}
			}
			if len(names) < page {
				return
			}
			from = "(" + names[page-1]
		}
	}
}

// fetch gets the sessions of a page in one round trip: those that live, and
// those that are damaged.
func (s *store) fetch(ctx context.Context, names []string) (all []found, err error) {
	answers := make([]*redis.StringCmd, len(names))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each answer has its error
		for i, name := range names {
			answers[i] = p.HGet(ctx, s.name(keyOf(name)), "record")
		}
		return nil
	})
	for i, name := range names {
		rec, err := s.record(answers[i])
		switch {
		case errors.Is(err, driver.ErrNotFound): // it went since the index was read
		case err == nil, errors.Is(err, driver.ErrCorrupt), errors.Is(err, driver.ErrNewerFormat):
			all = append(all, found{driver.Entry{Key: keyOf(name), Record: rec}, err})
		default:
			return nil, err
		}
	}
	return all, nil
}

// keyOf returns the key that an entry of the index or the expiries ends in.
func keyOf(name string) (key driver.Key) {
	copy(key[:], name[max(0, len(name)-len(key)):])
	return key
}
