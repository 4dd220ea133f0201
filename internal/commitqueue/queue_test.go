package commitqueue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

// handoffs returns the number of records that are kept for the next entry.
func (q *Queues) handoffs() (n int) {
	for i := range q {
		if q[i].handoff.Version != 0 {
			n++
		}
	}
	return n
}

// entered returns an entry that has its turn, as after a first conflict.
func entered(t *testing.T, q *Queues, key driver.Key) *Entry {
	t.Helper()
	e := q.Entry(key)
	if err := e.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestHandoff(t *testing.T) {
	key := driver.Key{1, 2}
	for name, test := range map[string]struct {
		of   driver.Key     // whose record the entry before committed
		base driver.Version // that the next entry has
		want bool
	}{
		"a newer record":           {key, 6, true},
		"the record that it has":   {key, 7, false},
		"another session's record": {driver.Key{1, 3}, 6, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := New()
				first := entered(t, q, test.of)
				var wg sync.WaitGroup
				wg.Go(func() {
					next := entered(t, q, key)
					rec, ok := next.Handoff(test.base)
					if ok != test.want || ok && rec.Version != 7 {
						t.Errorf("got record %d, %v; want %v", rec.Version, ok, test.want)
					}
					next.Leave()
				})
				synctest.Wait() // until it waits
				first.Committed(driver.Record{Version: 7})
				first.Leave()
				wg.Wait()
				if n := q.handoffs(); n != 0 {
					t.Errorf("got %d records kept, want 0", n)
				}
			})
		})
	}
}

// After a conflict the record that was handed over is out of date.
func TestHandoffAfterAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, key := New(), driver.Key{1}
		first := entered(t, q, key)
		var wg sync.WaitGroup
		wg.Go(func() {
			next := entered(t, q, key)
			if err := next.Retry(t.Context()); err != nil {
				t.Error(err)
			}
			if rec, ok := next.Handoff(1); ok {
				t.Errorf("got record %d, want none", rec.Version)
			}
			next.Leave()
		})
		synctest.Wait()
		first.Committed(driver.Record{Version: 7})
		first.Leave()
		wg.Wait()
	})
}

func TestNoHandoffBeforeItsTurn(t *testing.T) {
	q, key := New(), driver.Key{1}
	first := entered(t, q, key)
	first.Committed(driver.Record{Version: 7})
	other := q.Entry(key)
	if rec, ok := other.Handoff(1); ok {
		t.Errorf("got record %d, want none", rec.Version)
	}
	first.Leave()
	if n := q.handoffs(); n != 0 {
		t.Errorf("got %d records kept with nobody waiting, want 0", n)
	}
}

// Entries wait before their first conflict only while requests contend for the
// session and a commit is slower than waiting.
func TestEnter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, key := New(), driver.Key{1}
		enters := func(e Entry) bool {
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { done <- e.Enter(ctx) }()
			synctest.Wait()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				e.Leave()
				return true
			default:
				return false
			}
		}
		if first := q.Entry(key); !enters(first) {
			t.Error("an entry waits though nobody contends")
		}

		first := entered(t, q, key)
		first.Committed(driver.Record{Version: 1}) // fast
		if !enters(q.Entry(key)) {
			t.Error("an entry waits though commits are fast")
		}
		first.Leave()

		first = entered(t, q, key)
		time.Sleep(time.Millisecond)
		first.Committed(driver.Record{Version: 2})
		if enters(q.Entry(key)) {
			t.Error("an entry does not wait for a slow commit")
		}
		if other := q.Entry(driver.Key{1, 9, 9, 9, 9, 9, 9, 9, 9}); !enters(other) {
			t.Error("an entry of another session waits")
		}
		first.Leave()
		if !enters(q.Entry(key)) {
			t.Error("an entry waits after all have left")
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, key := New(), driver.Key{1}
		first := entered(t, q, key)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waiting := q.Entry(key)
		if err := waiting.Retry(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: got error %v, want DeadlineExceeded", err)
		}
		waiting.Leave() // has nothing to leave
		if err := first.Retry(ctx); err != nil {
			t.Errorf("the first conflict in its turn: got error %v, want none, without a pause", err)
		}
		if err := first.Retry(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("pausing: got error %v, want DeadlineExceeded", err)
		}
		first.Leave()
		entered(t, q, key).Leave()
	})
}

// Many entries of one session, some of which give up: each has its turn alone, all
// get through, and no record is kept in the end.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, key := New(), driver.Key{1}
		var wg sync.WaitGroup
		var turns, committed, gaveUp atomic.Int32
		for i := range 60 {
			wg.Go(func() {
				ctx := t.Context()
				if i%3 == 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
					defer cancel()
				}
				e := q.Entry(key)
				defer e.Leave()
				if e.Enter(ctx) != nil || e.Retry(ctx) != nil {
					gaveUp.Add(1)
					return
				}
				if turns.Add(1) > 1 {
					t.Error("two entries have their turn at once")
				}
				if i%5 > 0 {
					time.Sleep(2 * time.Millisecond)
				}
				committed.Add(1)
				e.Committed(driver.Record{Version: driver.Version(i + 1)})
				turns.Add(-1)
			})
		}
		wg.Wait()
		if committed.Load()+gaveUp.Load() != 60 || committed.Load() < 40 || gaveUp.Load() == 0 {
			t.Errorf("got %d committed and %d given up, want 60 in all, at least 40 committed", committed.Load(), gaveUp.Load())
		}
		if n := q.handoffs(); n != 0 {
			t.Errorf("got %d records kept, want 0", n)
		}
	})
}
