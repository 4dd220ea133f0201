package memory

import (
	"context"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// All yields every live session.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, func(sh *shard, found []*entry) []*entry {
		for _, q := range sh.queue {
			found = append(found, q.e)
		}
		return found
	}, func(entry) bool { return true })
}

// Owned yields the live sessions of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return s.list(ctx, func(sh *shard, found []*entry) []*entry {
		return append(found, sh.byOwner[owner]...)
	}, func(e entry) bool { return e.owner() == owner })
}

// list yields the sessions that pick collects in each shard and that still pass
// keep when they are read again. pick runs under the shard's lock; no lock is held
// while a session is yielded.
func (s *store) list(ctx context.Context, pick func(*shard, []*entry) []*entry, keep func(entry) bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var found []*entry // of one shard only, to use little memory
		for i := range s.shards {
			err := ctx.Err()
			if err == nil {
				found, err = s.shards[i].pick(pick, found[:0])
			}
			if err != nil {
				yield(driver.Entry{}, err)
				return
			}
			for _, f := range found {
				if err := ctx.Err(); err != nil {
					yield(driver.Entry{}, err)
					return
				}
				e, err := s.load(&f.key, s.now())
				switch {
				case err == driver.ErrNotFound || err == nil && !keep(e):
					continue
				case err != nil:
					yield(driver.Entry{}, err)
					return
				case !yield(driver.Entry{Key: e.key, Record: e.record()}, nil):
					return
				}
			}
		}
	}
}

// pick locks the shard and runs f.
func (sh *shard) pick(f func(*shard, []*entry) []*entry, found []*entry) ([]*entry, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil, driver.ErrClosed
	}
	return f(sh, found), nil
}
