package dbm

import (
	"context"
	"encoding/binary"
	"errors"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// sweepBatch is how many expired sessions one write removes. Other writes can run
// between two batches.
const sweepBatch = 200

// Sweep removes all sessions that have expired, the oldest first.
func (s *store) Sweep(ctx context.Context) (int, error) {
	removed := 0
	for after, more := []byte(nil), true; more; {
		due, err := s.due(ctx, after)
		if err != nil || len(due) == 0 {
			return removed, wrap("sweep", err)
		}
		n, err := s.remove(ctx, due)
		if err != nil {
			return removed, wrap("sweep", err)
		}
		removed += n
		after, more = due[len(due)-1], len(due) == sweepBatch
	}
	return removed, nil
}

// due returns the next entries of the expiry index whose time has passed.
func (s *store) due(ctx context.Context, after []byte) ([][]byte, error) {
	var due [][]byte
	now := s.now()
	err := s.view(ctx, func(b buckets) error {
		if b.missing() {
			return nil
		}
		c := b.in(b.expires).Cursor()
		for k, _ := following(c, nil, after); k != nil && len(due) < sweepBatch; k, _ = c.Next() {
			if len(k) != expiresSize {
				continue // not written by this package
			}
			if expiry, _ := splitExpires(k); expiry > now {
				break
			}
			due = append(due, append([]byte(nil), k...))
		}
		return nil
	})
	return due, err
}

// remove removes the sessions of these entries if they are still expired, and the
// entries. It returns the number of sessions.
func (s *store) remove(ctx context.Context, due [][]byte) (int, error) {
	result := make(chan int, 1) // the write may outlive the call
	err := s.update(ctx, 0, func(b buckets) (wrote bool, err error) {
		removed, now := 0, s.now()
		for _, entry := range due {
			expiry, key := splitExpires(entry)
			was, err := b.get(key)
			switch {
			case expiry > now, errors.Is(err, driver.ErrNewerFormat):
				continue // left to the newer version of this package
			case err == nil && was.Version != 0 && was.Expires == expiry:
				removed++
				err = b.delete(key, &was)
			case err != nil: // damaged
				removed++
				err = errors.Join(b.in(b.records).Delete(key[:]), b.in(b.expires).Delete(entry))
			default: // left over from a damaged record
				err = b.in(b.expires).Delete(entry)
			}
			wrote = true
			if err != nil {
				return wrote, err
			}
		}
		select {
		case <-result: // of a transaction that failed
		default:
		}
		result <- removed
		return wrote, nil
	})
	if err != nil {
		return 0, err
	}
	return <-result, nil
}

// expiresSize is the size of an entry of the expiry index, in bytes.
const expiresSize = 8 + len(driver.Key{})

func splitExpires(entry []byte) (driver.Millis, driver.Key) {
	expiry := driver.Millis(binary.BigEndian.Uint64(entry) ^ 1<<63)
	return expiry, driver.Key(entry[8:])
}

// following moves the cursor to the first entry greater than after or, if after is
// nil, to the first entry with the prefix.
func following(c *bbolt.Cursor, prefix, after []byte) (k, v []byte) {
	if after == nil {
		return c.Seek(prefix)
	}
	if k, v = c.Seek(after); string(k) == string(after) {
		return c.Next()
	}
	return k, v
}
