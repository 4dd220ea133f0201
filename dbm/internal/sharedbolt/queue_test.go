package sharedbolt

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

var errRefused = errors.New("refused")

// queueTest is a queue on a database with one bucket.
type queueTest struct {
	*externalDB
	t *testing.T
}

func newQueueTest(t *testing.T) *queueTest {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	must(t, err)
	must(t, db.Update(createBucket))
	q := &queueTest{newExternalDB(db), t}
	t.Cleanup(func() { must(t, errors.Join(q.close(), db.Close())) })
	return q
}

func (q *queueTest) write(do func(*bbolt.Bucket) (bool, error)) *write {
	return &write{handle: &q.handle, done: make(chan struct{}), do: func(tx *bbolt.Tx) (bool, error) { return do(tx.Bucket(testBucket)) }}
}

// put returns a write that puts a key.
func (q *queueTest) put(key string) *write {
	return q.write(func(b *bbolt.Bucket) (bool, error) { return true, b.Put([]byte(key), []byte(key)) })
}

// refuse returns a write that writes nothing and fails.
func (q *queueTest) refuse() *write {
	return q.write(func(*bbolt.Bucket) (bool, error) { return false, errRefused })
}

// block returns a write that closes begun and waits until proceed is closed.
func (q *queueTest) block() (w *write, begun, proceed chan struct{}) {
	begun, proceed = make(chan struct{}), make(chan struct{})
	return q.write(func(*bbolt.Bucket) (bool, error) {
		close(begun)
		<-proceed
		return false, nil
	}), begun, proceed
}

func (q *queueTest) has(key string) (found bool) {
	q.handle.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket(testBucket).Get([]byte(key)) != nil
		return nil
	})
	return found
}

// lastTx returns the number of the last transaction that wrote.
func (q *queueTest) lastTx() (id int) {
	q.handle.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	return id
}

// waitForLength waits until n writes are in the queue.
func (q *queueTest) waitForLength(n int) {
	eventually(q.t, func() bool {
		q.writes.mu.Lock()
		defer q.writes.mu.Unlock()
		return len(q.writes.waiting) == n
	})
}

func TestEachWriteOfABatchHasItsOwnResult(t *testing.T) {
	q := newQueueTest(t)
	batch := []*write{q.put("one"), q.refuse(), q.put("two")}
	before := q.lastTx()
	q.writes.commit(q, batch)
	if batch[0].err != nil || batch[1].err != errRefused || batch[2].err != nil || !q.has("one") || !q.has("two") {
		t.Error(batch[0].err, batch[1].err, batch[2].err)
	}
	if n := q.lastTx() - before; n != 1 {
		t.Errorf("%d transactions", n)
	}
}

// A write may have failed because of what another write in its batch did. If the
// transaction fails, that never happened.
func TestFailedTransactionFailsAllWritesOfABatch(t *testing.T) {
	q := newQueueTest(t)
	boom := errors.New("boom")
	batch := []*write{
		q.put("one"),
		q.refuse(),
		q.write(func(*bbolt.Bucket) (bool, error) { return true, boom }),
	}
	q.writes.commit(q, batch)
	for i, w := range batch {
		if w.err != boom {
			t.Errorf("write %d of a transaction that failed: %v", i, w.err)
		}
	}
	if q.has("one") {
		t.Error("the failed transaction wrote something")
	}
}

func TestWriteThatWritesNothingCostsNoTransaction(t *testing.T) {
	q := newQueueTest(t)
	before := q.lastTx()
	if err := q.writes.run(background, q, q.refuse()); err != errRefused {
		t.Error(err)
	}
	if q.lastTx() != before {
		t.Error("the file was written to")
	}
}

func TestOneDamagedPageFailsOneWrite(t *testing.T) {
	q := newQueueTest(t)
	batch := []*write{q.put("one"), q.write(func(*bbolt.Bucket) (bool, error) { panic("page 7 is no page") }), q.put("two")}
	q.writes.commit(q, batch)
	if batch[0].err != nil || !errors.Is(batch[1].err, ErrDamaged) || batch[2].err != nil || !q.has("one") || !q.has("two") {
		t.Error(batch[0].err, batch[1].err, batch[2].err)
	}
}

func TestStuckDatabaseFailsCallsAtOnce(t *testing.T) {
	q := newQueueTest(t)
	q.writes.stuck, q.writes.stuckErr = &q.handle, &damage{reason: "locks held", stuck: true}
	if err := q.writes.run(background, q, q.put("one")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := q.acquire(background); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestCanceledWriteLeavesTheQueue(t *testing.T) {
	q := newQueueTest(t)
	first, begun, proceed := q.block()
	var all sync.WaitGroup
	all.Go(func() { must(t, q.writes.run(background, q, first)) })
	<-begun
	ctx, cancel := context.WithCancel(background)
	all.Go(func() {
		if err := q.writes.run(ctx, q, q.put("canceled")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	all.Go(func() { must(t, q.writes.run(background, q, q.put("kept"))) })
	q.waitForLength(2)
	cancel()
	q.waitForLength(1)
	close(proceed)
	all.Wait()
	if q.has("canceled") || !q.has("kept") {
		t.Error("the wrong write was removed from the queue")
	}
}

func TestCanceledWriteThatHasBegunGoesOn(t *testing.T) {
	q := newQueueTest(t)
	first, firstBegun, firstProceed := q.block()
	second, begun, proceed := q.block()
	var all sync.WaitGroup
	all.Go(func() { must(t, q.writes.run(background, q, first)) })
	<-firstBegun
	ctx, cancel := context.WithCancel(background)
	all.Go(func() {
		began := time.Now()
		if err := q.writes.run(ctx, q, second); !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
			t.Error(err, time.Since(began))
		}
	})
	q.waitForLength(1)
	close(firstProceed)
	<-begun
	cancel()
	all.Wait()
	close(proceed)
	must(t, q.writes.run(background, q, q.put("later")))
}

func TestConcurrentWritesShareTransactions(t *testing.T) {
	q := newQueueTest(t)
	before := q.lastTx()
	const writers, each = 64, 10
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				if err := q.writes.run(background, q, q.put(string(rune('a'+w))+string(rune('a'+n)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	n := q.lastTx() - before
	t.Logf("%d writes in %d transactions", writers*each, n)
	if n > writers*each/4 {
		t.Errorf("%d writes took %d transactions", writers*each, n)
	}
	for w := range writers {
		for n := range each {
			if key := string(rune('a'+w)) + string(rune('a'+n)); !q.has(key) {
				t.Errorf("%q is missing", key)
			}
		}
	}
}
