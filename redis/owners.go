package redis

import (
	"context"
	"encoding/binary"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// An owner's index is a sorted set. Its members are keys with entry IDs, its scores
// the ends of the entries' lives. An entry is written before its record, and removed
// after; an entry without a record is removed when its life has ended, when another
// is written, or with the whole index by the server. A listing removes none: the
// record may be about to be written.

func (s *store) indexName(owner string) string { return s.prefix + "owner:" + owner }

func member(key driver.Key, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(key)+8), key[:]...), id)
}

func (s *store) addEntry(ctx context.Context, key driver.Key, e entry) error {
	_, err := s.run(ctx, indexScript, s.indexName(e.owner),
		int64(s.millis()), int64(e.until), member(key, e.id), margin.Milliseconds())
	return err
}

// removeEntry removes the entry of a record that was removed or has another. An error
// is ignored: the entry's life ends.
func (s *store) removeEntry(ctx context.Context, key driver.Key, e entry) {
	if e.owner != "" {
		_ = s.client.ZRem(ctx, s.indexName(e.owner), member(key, e.id)).Err()
	}
}

// Owned yields the live records of an owner. It reads the index with one command, so
// that it misses no record whose entry is replaced meanwhile.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		if owner == "" {
			return
		}
		var keys []driver.Key
		err := s.do(ctx, "list", func() error {
			members, err := s.client.ZRange(ctx, s.indexName(owner), 0, -1).Result()
			seen := make(map[driver.Key]bool, len(members)) // a key may have several entries
			for _, m := range members {
				var key driver.Key
				if copy(key[:], m) == len(key) && !seen[key] {
					seen[key] = true
					keys = append(keys, key)
				}
			}
			return err
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return
		}
		s.yieldRecords(ctx, keys, func(e driver.Entry, err error) bool {
			if err == nil && e.Record.Owner != owner {
				return true
			}
			return yield(e, err)
		})
	}
}
