package memory

import (
	"context"
	"math"
	"runtime"

	"github.com/pump-go/sessions/driver"
)

// batch is how many entries a sweep deals with before it lets go of a shard:
// about two microseconds' work, for so long a waiting reader spins. Of one that
// waits longer the processor is taken away, and it comes back late (measured on
// two cores: the slowest read 0.1 to 1.7 ms, up to 4 ms with batches of 8).
const batch = 4

// Sweep removes all sessions that have expired.
func (s *store) Sweep(ctx context.Context) (int, error) {
	return s.expire(ctx, s.now(), math.MaxInt)
}

// expire removes expired sessions until at least enough are gone or none is
// left. It goes round the shards, a batch in each: staying with one would
// starve those who wait for its lock. After each round it steps aside by
// itself, lest the scheduler stop it in the middle of a batch, lock in hand.
func (s *store) expire(ctx context.Context, now driver.Millis, enough int) (int, error) {
	removed := 0
	for again := true; again; runtime.Gosched() {
		again = false
		for i := range s.shards {
			if err := ctx.Err(); err != nil {
				return removed, err
			}
			n, more, err := s.shards[i].expire(now)
			if err != nil {
				return removed, err
			}
			s.release(n)
			if removed += n; removed >= enough {
				return removed, nil
			}
			again = again || more
		}
	}
	return removed, nil
}

// expire deals with one batch, and tells how many entries it removed and
// whether there may be more. It takes the lock.
func (sh *shard) expire(now driver.Millis) (removed int, more bool, err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return 0, false, driver.ErrClosed
	}
	for range batch {
		if len(sh.queue) == 0 || sh.queue[0].due > now {
			return removed, false, nil
		}
		if e := sh.queue[0].e; e.live(now) {
			sh.queue.postpone()
		} else {
			sh.remove(e)
			removed++
		}
	}
	return removed, true, nil
}
