package sharedbolt

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

var (
	background = context.Background()
	testBucket = []byte("test")
	counterKey = []byte("counter")
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("not within 5 s")
		}
	}
}

func createBucket(tx *bbolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists(testBucket)
	return err
}

// openAlone returns a DB that shares the file with the others of this process as
// if each were in a process of its own.
func openAlone(t *testing.T, path string, linger time.Duration) *DB {
	t.Helper()
	f, err := newSharedFile(path, Options{LockPrefix: path, Linger: linger, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(f.shut)
	return &DB{f}
}

func testPath(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return filepath.Join(dir, "test.db")
}

// deadline returns a context for a call that is expected to succeed.
func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(background, 10*time.Second)
}

// count adds one to the counter.
func count(db *DB) error {
	ctx, cancel := deadline()
	defer cancel()
	return countUntil(ctx, db)
}

func countUntil(ctx context.Context, db *DB) error {
	return db.Update(ctx, 0, func(tx *bbolt.Tx) (bool, error) {
		if err := createBucket(tx); err != nil {
			return true, err
		}
		b := tx.Bucket(testBucket)
		return true, b.Put(counterKey, binary.BigEndian.AppendUint64(nil, counterOf(b)+1))
	})
}

func counterOf(b *bbolt.Bucket) uint64 {
	if v := b.Get(counterKey); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// counted returns the counter.
func counted(t *testing.T, db *DB) (n uint64) {
	t.Helper()
	ctx, cancel := deadline()
	defer cancel()
	must(t, db.View(ctx, func(tx *bbolt.Tx) error {
		n = counterOf(tx.Bucket(testBucket))
		return nil
	}))
	return n
}

// free reports whether no process holds the lock of the database at path.
func free(t *testing.T, path string) bool {
	t.Helper()
	l, err := newLocks(path)
	must(t, err)
	ok, err := tryLock(l.lock)
	must(t, err)
	if ok {
		must(t, l.release())
	}
	return ok
}

func TestProcessesTakeTurns(t *testing.T) {
	path := testPath(t)
	const dbs, each = 4, 50
	var all sync.WaitGroup
	var last *DB
	for range dbs {
		db := openAlone(t, path, -1)
		all.Go(func() {
			for range each {
				if err := count(db); err != nil {
					t.Error(err)
				}
			}
		})
		last = db
	}
	all.Wait()
	if n := counted(t, last); n != dbs*each {
		t.Errorf("counted %d of %d", n, dbs*each)
	}
}

func TestFileIsClosedWhenIdle(t *testing.T) {
	path := testPath(t)
	db := openAlone(t, path, 50*time.Millisecond)
	must(t, count(db))
	eventually(t, func() bool { return free(t, path) })
	must(t, count(db))
}

func TestFileStaysOpenUntilItIsWanted(t *testing.T) {
	path := testPath(t)
	db := openAlone(t, path, -1)
	must(t, count(db))
	time.Sleep(10 * timeSlice)
	if free(t, path) {
		t.Error("the file was closed, although nobody wants it")
	}
	other := openAlone(t, path, -1)
	if n := counted(t, other); n != 1 {
		t.Errorf("the other process counted %d", n)
	}
}

func TestRunningTransactionKeepsTheFileOpen(t *testing.T) {
	path := testPath(t)
	db, other := openAlone(t, path, time.Nanosecond), openAlone(t, path, time.Nanosecond)
	must(t, count(db))
	must(t, db.View(background, func(*bbolt.Tx) error {
		ctx, cancel := context.WithTimeout(background, 20*timeSlice)
		defer cancel()
		if err := countUntil(ctx, other); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the other process got %v", err)
		}
		return nil
	}))
	must(t, count(other))
	if n := counted(t, db); n != 2 {
		t.Errorf("counted %d", n)
	}
}

// A process that was stopped while it held turn slows the others down, but does
// not stop them.
func TestStoppedProcessThatHoldsTheTurn(t *testing.T) {
	path := testPath(t)
	db := openAlone(t, path, time.Nanosecond)
	stopped, err := newLocks(path)
	must(t, err)
	if ok, err := tryLock(stopped.turn); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer stopped.turn.Unlock()
	for range 3 {
		must(t, count(db))
		eventually(t, func() bool { return free(t, path) })
	}
}

func TestCallThatStopsWaitingDoesNotCancelTheOthers(t *testing.T) {
	path := testPath(t)
	db := openAlone(t, path, -1)
	holder, err := newLocks(path)
	must(t, err)
	must(t, holder.acquire(background))
	ctx, cancel := context.WithCancel(background)
	var all sync.WaitGroup
	all.Go(func() {
		if err := countUntil(ctx, db); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	all.Go(func() { must(t, count(db)) })
	eventually(t, func() bool {
		f := db.source.(*sharedFile)
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.next != nil && f.next.waiting == 2
	})
	cancel()
	time.Sleep(10 * timeSlice)
	must(t, holder.release())
	all.Wait()
	if n := counted(t, db); n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestReplacedFileIsOpened(t *testing.T) {
	path := testPath(t)
	db := openAlone(t, path, -1)
	must(t, count(db))
	backup, err := os.ReadFile(path)
	must(t, err)
	must(t, count(db))
	must(t, os.WriteFile(path+".backup", backup, 0o600))
	must(t, os.Rename(path+".backup", path))
	eventually(t, func() bool { return counted(t, db) == 1 })
}

func TestStuckFileIsOpenedAgain(t *testing.T) {
	db := openAlone(t, testPath(t), -1)
	for n := range uint64(3) {
		must(t, count(db))
		h, err := db.source.acquire(background)
		must(t, err)
		db.source.release(h, &damage{reason: "locks held", stuck: true})
		if got := counted(t, db); got != n+1 {
			t.Errorf("counted %d of %d", got, n+1)
		}
	}
}

func TestDBsOnOnePathShareTheFile(t *testing.T) {
	path := testPath(t)
	o := Options{LockPrefix: path, Linger: -1, Logger: slog.New(slog.DiscardHandler)}
	one, err := Open(background, path, o)
	must(t, err)
	two, err := Open(background, path, o)
	must(t, err)
	if one.source != two.source {
		t.Error("two DBs on the same path have two files")
	}
	other := o
	other.LockPrefix = path + "-other"
	if _, err := Open(background, path, other); err == nil {
		t.Error("opened with other locks")
	}
	must(t, one.Close())
	must(t, count(two))
	three, err := Open(background, path, o)
	must(t, err)
	if three.source != two.source {
		t.Error("a DB opened after the first one was closed has another file")
	}
	must(t, two.Close())
	must(t, count(three))
	must(t, three.Close())
	if !free(t, path) {
		t.Error("the lock is held after the last Close")
	}
	if err := count(three); err == nil {
		t.Error("Update after Close succeeded")
	}
	again, err := Open(background, path, o)
	must(t, err)
	if n := counted(t, again); n != 2 {
		t.Errorf("opened again, it counted %d", n)
	}
	must(t, again.Close())
}
