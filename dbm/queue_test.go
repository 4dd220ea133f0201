package dbm

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

var testBucket = []byte("test")

// bench is a queue on a database with one bucket.
type bench struct {
	*externalDB
	t *testing.T
}

func newBench(t *testing.T) *bench {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(testBucket)
		return err
	}))
	b := &bench{newExternalDB(db), t}
	t.Cleanup(func() { must(t, errors.Join(b.close(), db.Close())) })
	return b
}

func (b *bench) write(do func(*bbolt.Bucket) (bool, error)) *write {
	return &write{db: &b.db, done: make(chan struct{}), do: func(tx *bbolt.Tx) (bool, error) { return do(tx.Bucket(testBucket)) }}
}

func (b *bench) put(key string) *write {
	return b.write(func(bucket *bbolt.Bucket) (bool, error) { return true, bucket.Put([]byte(key), []byte(key)) })
}

func (b *bench) has(key string) (found bool) {
	b.db.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket(testBucket).Get([]byte(key)) != nil
		return nil
	})
	return found
}

func (b *bench) transactions() (id int) {
	b.db.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	return id
}

func refuse(err error) func(*bbolt.Bucket) (bool, error) {
	return func(*bbolt.Bucket) (bool, error) { return false, err }
}

func TestEachWriteOfABatchHasItsOwnResult(t *testing.T) {
	b := newBench(t)
	batch := []*write{b.put("one"), b.write(refuse(driver.ErrConflict)), b.put("two")}
	before := b.transactions()
	b.writes.commit(b, batch)
	if batch[0].err != nil || batch[1].err != driver.ErrConflict || batch[2].err != nil || !b.has("one") || !b.has("two") {
		t.Error(batch[0].err, batch[1].err, batch[2].err)
	}
	if n := b.transactions() - before; n != 1 {
		t.Errorf("%d transactions", n)
	}
}

func TestAConflictIsToldOnlyAfterTheCommit(t *testing.T) {
	b := newBench(t)
	boom := errors.New("boom")
	batch := []*write{
		b.put("one"),
		b.write(refuse(driver.ErrConflict)), // for all one knows, because of the first
		b.write(func(*bbolt.Bucket) (bool, error) { return true, boom }),
	}
	b.writes.commit(b, batch)
	for i, w := range batch {
		if w.err != boom {
			t.Errorf("write %d of a transaction that failed: %v", i, w.err)
		}
	}
	if b.has("one") {
		t.Error("something was written")
	}
}

func TestNothingToWriteCostsNoTransaction(t *testing.T) {
	b := newBench(t)
	before := b.transactions()
	if err := b.writes.run(background, b, b.write(refuse(driver.ErrConflict))); err != driver.ErrConflict {
		t.Error(err)
	}
	if b.transactions() != before {
		t.Error("the file was written to")
	}
}

func TestOneDamagedPageFailsOneWrite(t *testing.T) {
	b := newBench(t)
	batch := []*write{b.put("one"), b.write(func(*bbolt.Bucket) (bool, error) { panic("page 7 is no page") }), b.put("two")}
	b.writes.commit(b, batch)
	if batch[0].err != nil || !errors.Is(batch[1].err, ErrDamaged) || batch[2].err != nil || !b.has("one") || !b.has("two") {
		t.Error(batch[0].err, batch[1].err, batch[2].err)
	}
}

func TestStuckDatabaseHangsNobody(t *testing.T) {
	b := newBench(t)
	b.writes.dead, b.writes.deadErr = &b.db, &damage{reason: "locks held", stuck: true}
	if err := b.writes.run(background, b, b.put("one")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := b.acquire(background); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestStuckFileIsOpenedAgain(t *testing.T) {
	s := opened(t, t.TempDir())
	must(t, fill(s, 3))
	for range 3 {
		d, err := s.source.acquire(background)
		must(t, err)
		s.source.release(d, &damage{reason: "locks held", stuck: true})
		must(t, holds(s, 3))
	}
}

// block returns a write that waits to be let on.
func (b *bench) block() (w *write, begun, on chan struct{}) {
	begun, on = make(chan struct{}), make(chan struct{})
	return b.write(func(*bbolt.Bucket) (bool, error) {
		close(begun)
		<-on
		return false, nil
	}), begun, on
}

func TestWriteIsWithdrawnFromTheQueue(t *testing.T) {
	b := newBench(t)
	first, begun, on := b.block()
	var all sync.WaitGroup
	all.Go(func() { must(t, b.writes.run(background, b, first)) })
	<-begun
	ctx, cancel := context.WithCancel(background)
	all.Go(func() {
		if err := b.writes.run(ctx, b, b.put("withdrawn")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	all.Go(func() { must(t, b.writes.run(background, b, b.put("kept"))) })
	b.queued(2)
	cancel()
	b.queued(1)
	close(on)
	all.Wait()
	if b.has("withdrawn") || !b.has("kept") {
		t.Error("the wrong write was withdrawn")
	}
}

func (b *bench) queued(n int) {
	eventually(b.t, func() bool {
		b.writes.mu.Lock()
		defer b.writes.mu.Unlock()
		return len(b.writes.waiting) == n
	})
}

func TestWriteThatHasBegunIsLeftToItself(t *testing.T) {
	b := newBench(t)
	first, firstBegun, firstOn := b.block()
	second, begun, on := b.block()
	var all sync.WaitGroup
	all.Go(func() { must(t, b.writes.run(background, b, first)) })
	<-firstBegun
	ctx, cancel := context.WithCancel(background)
	all.Go(func() {
		began := time.Now()
		if err := b.writes.run(ctx, b, second); !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
			t.Error(err, time.Since(began))
		}
	})
	b.queued(1)
	close(firstOn)
	<-begun
	cancel()
	all.Wait()
	close(on)
	must(t, b.writes.run(background, b, b.put("later")))
}

func TestACrowdSharesTransactions(t *testing.T) {
	s := opened(t, t.TempDir())
	f := s.source.(*file)
	must(t, fill(s, 1))
	id := func() (id int) {
		d, err := f.acquire(background)
		must(t, err)
		defer f.release(d, nil)
		must(t, d.View(func(tx *bbolt.Tx) error {
			id = tx.ID()
			return nil
		}))
		return id
	}
	before := id()
	const crowd, each = 64, 10
	var all sync.WaitGroup
	for c := range crowd {
		all.Go(func() {
			for n := range each {
				if err := s.Save(background, keyOf(10+c*each+n), 0, recordOf(n, "user")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	n := id() - before
	t.Logf("%d saves in %d transactions", crowd*each, n)
	if n > crowd*each/4 {
		t.Errorf("%d saves took %d transactions", crowd*each, n)
	}
	if n := sound(t, s); n != crowd*each+1 {
		t.Errorf("%d records", n)
	}
}
