package sharedbolt

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// A batch is bounded so that many large writes neither fill the memory nor keep
// the file from other processes for long.
const (
	maxBatch      = 512
	maxBatchBytes = 4 << 20
)

// write is a write in the queue.
type write struct {
	handle *handle
	size   int
	do     func(tx *bbolt.Tx) (wrote bool, err error) // see DB.Update
	done   chan struct{}
	err    error // set before done is closed
}

// queue runs writes. While a transaction runs, the writes that arrive wait, and
// the next transaction runs all of them: a single writer waits for no others,
// and many writers share the time of the disk.
//
// The first writer commits on its own goroutine, because waking another
// goroutine would cost a sixth of a commit. One goroutine commits the writes that
// arrive during that commit, and ends when there are none left.
type queue struct {
	mu      sync.Mutex
	waiting []*write
	running bool // a transaction runs, or the goroutine of handOver exists
	loops   sync.WaitGroup

	// A write to a stuck database would never return. Used by the goroutine
	// that commits.
	stuck    *handle
	stuckErr error
}

// grace is how long a call waits, beyond its context, for a transaction that has
// begun. Unless the disk hangs, the result is certain by then.
const grace = 100 * time.Millisecond

// run runs a write on a handle that was acquired from src, and releases it. It
// returns the write's result, or the context's error as DB.Update describes.
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
		src.release(w.handle, nil)
		return ctx.Err()
	}
	select {
	case <-w.done:
		return w.err
	case <-time.After(grace):
		return ctx.Err()
	}
}

// handOver leaves the waiting writes to a goroutine.
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

// withdraw removes a write from the queue. It reports false if the write's
// transaction has begun.
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

// wait waits for the writes whose calls have returned.
func (q *queue) wait() { q.loops.Wait() }

// take removes the next batch, all on one handle, from the queue. If the queue
// is empty, it returns nil and the next write commits on its own goroutine.
func (q *queue) take() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.running = nil, false
		return nil
	}
	n, bytes := 0, 0
	for _, w := range q.waiting {
		if n == maxBatch || n > 0 && (bytes+w.size > maxBatchBytes || w.handle != q.waiting[0].handle) {
			break
		}
		n++
		bytes += w.size
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// commit runs a batch, unless its database is stuck.
func (q *queue) commit(src source, batch []*write) {
	if batch[0].handle == q.stuck {
		finish(src, batch, q.stuckErr)
	} else if err := commit(src, batch); isStuck(err) {
		q.stuck, q.stuckErr = batch[0].handle, err
	}
}

var errNothingWritten = errors.New("nothing written")

// commit runs a batch in one transaction. It reports no result, not even a
// write's own error, before the transaction is on the disk: what one write found
// may be the work of another in the same batch.
func commit(src source, batch []*write) error {
	err := update(batch[0].handle.DB, func(tx *bbolt.Tx) error {
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
			return errNothingWritten // an empty transaction would cost a sync
		}
		return nil
	})
	if err == errNothingWritten {
		err = nil
	}
	var d *damage
	if errors.As(err, &d) && d.unwritten && !d.stuck && len(batch) > 1 {
		// One write met a damaged page before anything was written. Run each
		// write on its own, so that the others do not fail too.
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

// finish ends the writes. If err is not nil, it is the result of each.
func finish(src source, batch []*write, err error) {
	for _, w := range batch {
		if err != nil {
			w.err = err
		}
		src.release(w.handle, err)
		close(w.done)
	}
}
