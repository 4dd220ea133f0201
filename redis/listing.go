package redis

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

const (
	pageSize = 100  // records that are fetched together
	scanSize = 1000 // keys that a SCAN looks at
)

// All yields every live record. It scans the keys of each master, since an index of
// all records would make every new session more expensive. SCAN may return a key more
// than once; seen keeps those that were yielded.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		seen := make(map[driver.Key]struct{})
		for pass := 1; ; pass++ {
			before, err := s.topology(ctx)
			for _, master := range before.masters {
				if err == nil && !s.scan(ctx, master, seen, yield) {
					return
				}
			}
			var after topology
			if err == nil {
				after, err = s.topology(ctx)
			}
			if err != nil {
				yield(driver.Entry{}, err)
				return
			}
			if before.state == after.state && !after.moving || pass == maxPasses {
				return
			}
		}
	}
}

// scan yields the records of one master that are not in seen. It reports whether to
// continue.
func (s *store) scan(ctx context.Context, master redis.Cmdable, seen map[driver.Key]struct{}, yield func(driver.Entry, error) bool) bool {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var keys []driver.Key
		err := s.do(ctx, "list", func() error {
			names, next, err := master.Scan(ctx, cursor, s.prefix+"*", scanSize).Result()
			cursor = next
			for _, name := range names {
				key, err := driver.ParseKey(strings.TrimPrefix(name, s.prefix))
				if err != nil {
					continue // not a record
				}
				if _, ok := seen[key]; !ok {
					seen[key] = struct{}{}
					keys = append(keys, key)
				}
			}
			return err
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return false
		}
		if !s.yieldRecords(ctx, keys, yield) {
			return false
		}
	}
	return true
}

// yieldRecords fetches records in pages, each in one round trip, and yields those that
// are live or unreadable. It reports whether to continue.
func (s *store) yieldRecords(ctx context.Context, keys []driver.Key, yield func(driver.Entry, error) bool) bool {
	for page := range slices.Chunk(keys, pageSize) {
		answers := make([]*redis.StringCmd, len(page))
		records := make([]driver.Record, len(page))
		errs := make([]error, len(page))
		err := s.do(ctx, "list", func() error {
			_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each answer has its error
				for i, key := range page {
					answers[i] = p.Get(ctx, s.recordName(key))
				}
				return nil
			})
			for i := range page {
				records[i], errs[i] = s.record(answers[i])
				if errs[i] != nil && !errors.Is(errs[i], driver.ErrNotFound) && !isUnreadable(errs[i]) {
					return errs[i]
				}
			}
			return nil
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return false
		}
		for i, key := range page {
			if errors.Is(errs[i], driver.ErrNotFound) {
				continue
			}
			if !yield(driver.Entry{Key: key, Record: records[i]}, errs[i]) {
				return false
			}
		}
	}
	return true
}

// isUnreadable reports whether err says that there is a record that cannot be read.
func isUnreadable(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}
