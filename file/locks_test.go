package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A call that waits for a lock returns soon after its context ends, and gets the
// lock soon after it is free.
func TestWaitingForALock(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	other, _ := open(t, dir)
	key := driver.Key{1}
	save(t, s, key, 0, until(1<<60))
	held := other.locks.of(key)
	if err := held.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func(context.Context) error{
		"Save":   func(ctx context.Context) error { return s.Save(ctx, key, 1, until(1<<60)) },
		"Touch":  func(ctx context.Context) error { return s.Touch(ctx, key, until(1<<60)) },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, key, 0) },
		"All": func(ctx context.Context) error {
			for _, err := range s.All(ctx) {
				return err
			}
			return nil
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		err := do(ctx)
		cancel()
		wantErr(t, what, err, context.DeadlineExceeded)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s took %v", what, took)
		}
	}
	if _, err := s.Load(t.Context(), key); err != nil {
		t.Errorf("Load while a lock is held: %v", err)
	}
	save(t, s, driver.Key{2}, 0, until(1<<60)) // another directory
	done := make(chan error)
	go func() { done <- s.Delete(t.Context(), key, 0) }()
	time.Sleep(5 * time.Millisecond)
	freed := time.Now()
	held.unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(freed); took > time.Second {
		t.Errorf("it took %v to get the free lock", took)
	} else {
		t.Logf("it took %v to get the free lock", took)
	}
}

// Two stores on one directory lose no increment.
func TestTwoStoresExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	a, _ := open(t, dir)
	b, _ := open(t, dir)
	rec := until(1 << 60)
	rec.Data = []byte("0")
	save(t, a, keyOf(0), 0, rec)
	const each, workers = 25, 4
	var wg sync.WaitGroup
	for range workers {
		for _, s := range []*store{a, b} {
			wg.Go(func() {
				for range each {
					if err := increment(s, keyOf(0)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	if rec, err := a.Load(t.Context(), keyOf(0)); err != nil || string(rec.Data) != strconv.Itoa(2*workers*each) {
		t.Errorf("%s, %v", rec.Data, err)
	}
}

// The number of lock files does not depend on the number of sessions.
func TestLockFilesAreFew(t *testing.T) {
	lockDir := t.TempDir()
	s, err := New(Options{}).Open(t.Context(), driver.Config{DataDir: t.TempDir(), LockDir: lockDir, SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 600 {
		if err := s.Save(t.Context(), keyOf(i), 0, until(1<<60)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.(driver.Sweeper).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(files(t, lockDir)); n != lockCount+1 {
		t.Errorf("%d lock files", n)
	}
	if err := os.RemoveAll(filepath.Join(lockDir, "file")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), keyOf(1), 0); err != nil {
		t.Errorf("Delete after the lock files were removed: %v", err)
	}
}

// Close ends a sweep that waits for a lock.
func TestCloseEndsASweep(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	other, _ := open(t, dir)
	if err := other.locks.sweep.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer other.locks.sweep.unlock()
	done := make(chan error)
	go func() {
		_, err := s.Sweep(context.Background())
		done <- err
	}()
	time.Sleep(5 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Sweep returned %v", err)
	}
}
