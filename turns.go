package sessions

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/sem"
)

// turns makes the requests of this process that change one session at once take
// turns, so that a crowd is served one by one rather than all failing against
// one. Whoever leaves hands on what it saved, so that the next need not load it:
// the store compares versions all the same, and has the last word.
type turns [64]line

// line is where the requests on a session wait. Sessions share it by chance.
type line struct {
	free    chan struct{} // has room for who is served
	waiting atomic.Int32
	crowded atomic.Uint64 // the session, by its mark, whose requests are to join; 0: none

	// Whoever is served has these.
	slow  bool          // the store takes longer than it takes to change turns
	last  driver.Record // what the one before saved; Version 0: unknown
	whose driver.Key    // the session that last is of
}

func newTurns() *turns {
	t := new(turns)
	for i := range t {
		t[i].free = make(chan struct{}, 1)
	}
	return t
}

func (t *turns) of(key driver.Key) turn {
	return turn{line: &t[int(key[0])%len(t)], key: key}
}

// turn is one commit's place in the line, which it enters when others are there
// already, or with its first conflict.
type turn struct {
	*line
	key    driver.Key
	served bool
	since  time.Time // of being served
	lost   int
}

// mark tells sessions apart: keys are digests.
func (t *turn) mark() uint64 { return binary.LittleEndian.Uint64(t.key[8:]) | 1 }

// join enters the line if others are there for the same session, and the store
// is slow: in memory a try is quicker than a wait.
func (t *turn) join(ctx context.Context) error {
	if t.crowded.Load() != t.mark() {
		return nil
	}
	return t.enter(ctx)
}

func (t *turn) enter(ctx context.Context) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	if err := sem.Acquire(ctx, t.free); err != nil {
		return err
	}
	t.served, t.since = true, time.Now()
	t.attract()
	return nil
}

// attract has those who come from now on join, if that is worth it.
func (t *turn) attract() {
	if t.slow {
		t.crowded.Store(t.mark())
	} else if t.crowded.Load() != 0 {
		t.crowded.Store(0)
	}
}

// handed returns what the one before saved, if that is known and not what base
// is: then it is, most likely, what the store has now.
func (t *turn) handed(base driver.Version) (driver.Record, bool) {
	if !t.served || t.whose != t.key || t.last.Version == 0 || t.last.Version == base {
		return driver.Record{}, false
	}
	return t.last, true
}

// again returns when it is worth trying again after a conflict: when it is our
// turn, and when we lost in spite of that, against other processes, after a
// pause of random length.
func (t *turn) again(ctx context.Context) error {
	if !t.served {
		return t.enter(ctx)
	}
	t.last = driver.Record{} // out of date
	if t.lost++; t.lost == 1 {
		return nil // against who was not in the line yet
	}
	const least, most = 250 * time.Microsecond, 20 * time.Millisecond
	pause := time.NewTimer(rand.N(min(least<<min(t.lost, 10), most)))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// saved hands rec on.
func (t *turn) saved(rec driver.Record) {
	if t.served {
		t.whose, t.last = t.key, rec
		t.slow = time.Since(t.since) > 20*time.Microsecond
		t.attract()
	}
}

// leave lets the next one in. Nothing is kept where nobody waits.
func (t *turn) leave() {
	if !t.served {
		return
	}
	if t.waiting.Load() == 0 {
		t.last = driver.Record{}
		t.crowded.Store(0)
	}
	<-t.free
}
