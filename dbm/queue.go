package dbm

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// A batch is bounded, so that a crowd of large writes does not fill the memory
// and a turn ends in time.
const (
	maxBatch      = 512
	maxBatchBytes = 4 << 20
)

// write is one write, as it waits to be run.
type write struct {
	db   *database
	size int
	// do runs in a transaction, perhaps more than once. Its error is this
	// write's own result; but if something was written nevertheless, the whole
	// transaction fails.
	do   func(tx *bbolt.Tx) (wrote bool, err error)
	done chan struct{}
	err  error
}

// queue runs writes, as many in one transaction as are waiting when the one
// before has ended: a lone writer waits for nobody, and a crowd shares the
// disk's time. The first writer commits on its own goroutine, since
// waking another one would cost a sixth of a commit; one goroutine commits for
// those that come meanwhile.
type queue struct {
	mu      sync.Mutex
	waiting []*write
	running bool
	loops   sync.WaitGroup

	dead    *database // its locks are stuck: to write to it would be to hang
	deadErr error
}

// grace is how long a call waits, beyond its context, for a write that has
// begun: soon there is a sure answer, unless the disk hangs.
const grace = 100 * time.Millisecond

// run has the write done on a database acquired from src, and releases it. If
// ctx ends before the write's turn, it is withdrawn. If it ends later, and the
// write with its grace does not, the write goes on and the outcome is unsure.
func (q *queue) run(ctx context.Context, src source, w *write) error {
	w.done = make(chan struct{})
	q.mu.Lock()
	if !q.running {
		q.running = true
		q.mu.Unlock()
		q.commit(src, []*write{w})
		q.handOver(src)
		return w.err
	}
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
	}
	if q.withdraw(w) {
		src.release(w.db, nil)
		return ctx.Err()
	}
	select {
	case <-w.done:
		return w.err
	case <-time.After(grace):
		return ctx.Err()
	}
}

// handOver ends the turn of a call that wrote.
func (q *queue) handOver(src source) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.running = false
		return
	}
	q.loops.Go(func() {
		for batch := q.take(); batch != nil; batch = q.take() {
			q.commit(src, batch)
		}
	})
}

func (q *queue) withdraw(w *write) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// wait returns when nothing runs.
func (q *queue) wait() { q.loops.Wait() }

// take returns the writes to do next, all on one database, or ends the loop.
func (q *queue) take() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.running = nil, false
		return nil
	}
	n, bytes := 0, 0
	for _, w := range q.waiting {
		if n == maxBatch || n > 0 && (bytes+w.size > maxBatchBytes || w.db != q.waiting[0].db) {
			break
		}
		n++
		bytes += w.size
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

var errNothing = errors.New("nothing to write")

func (q *queue) commit(src source, batch []*write) {
	if batch[0].db == q.dead {
		finish(src, batch, q.deadErr)
	} else if err := commit(src, batch); isStuck(err) {
		q.dead, q.deadErr = batch[0].db, err
	}
}

// commit runs the batch in one transaction. Nobody hears of a result before it
// is on the disk: what one write found may be another's doing, in the same
// batch.
func commit(src source, batch []*write) error {
	err := update(batch[0].db.DB, func(tx *bbolt.Tx) error {
		wrote := false
		for _, w := range batch {
			did, err := w.do(tx)
			if did && err != nil {
				return err
			}
			w.err = err
			wrote = wrote || did
		}
		if !wrote {
			return errNothing // spares the disk an empty transaction
		}
		return nil
	})
	if err == errNothing {
		err = nil
	}
	var d *damage
	if errors.As(err, &d) && d.unwritten && !d.stuck && len(batch) > 1 {
		// One of them met a damaged page, before anything was written. The
		// others are not to suffer for it.
		for i, w := range batch {
			if err := commit(src, []*write{w}); isStuck(err) {
				finish(src, batch[i+1:], err)
				return err
			}
		}
		return nil
	}
	finish(src, batch, err)
	return err
}

// finish reports the results: err, if it is not nil, for all.
func finish(src source, batch []*write, err error) {
	for _, w := range batch {
		if err != nil {
			w.err = err
		}
		src.release(w.db, err)
		close(w.done)
	}
}
