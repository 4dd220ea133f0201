//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package file

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A lock file that is removed or replaced while it is kept open is not trusted: all
// stores lock the one that has the name.
func TestReplacedLockFile(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	other, _ := open(t, dir)
	key := driver.Key{1}
	save(t, s, key, 0, until(1<<60))
	save(t, other, key, 1, until(1<<60)) // both have the lock file open
	for what, replace := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(s.locks.sweep.file.path, path) },
	} {
		sweep(t, s, 0) // which creates the file to replace it by
		l := s.locks.of(key)
		if err := replace(l.file.path); err != nil {
			t.Fatal(err)
		}
		if err := l.lock(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		done := make(chan error)
		go func() { done <- other.Delete(t.Context(), driver.Key{1, 9}, 0) }()
		select {
		case <-done:
			t.Errorf("%s: two stores had the lock", what)
		case <-time.After(20 * time.Millisecond):
			l.unlock()
			if err := <-done; err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// openFiles returns how many files this process has open.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		skip(t, err.Error())
	}
	return len(entries)
}

// If no more files may stay open, a call that does not get a lock leaves none open.
func TestUnavailableLockIsClosed(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	other, _ := open(t, dir)
	for i := range lockCount {
		if err := other.locks.shard(i).lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer other.locks.shard(i).unlock()
	}
	const many = 1 << 30
	keptOpen.Add(many)
	defer keptOpen.Add(-many)
	before := openFiles(t)
	for i := range lockCount {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		wantErr(t, "Delete", s.Delete(ctx, driver.Key{byte(i)}, 0), context.DeadlineExceeded)
		cancel()
	}
	if n := openFiles(t) - before; n > 0 {
		t.Errorf("%d files stay open", n)
	}
}

// Locks share a file descriptor each, and Close closes them, and the kept logs.
func TestFewFilesStayOpen(t *testing.T) {
	count := func() int { return openFiles(t) }
	before := count()
	s, c := open(t, quickDir(t))
	for i := range 4000 {
		rec := until(beginning + driver.Millis(i)*minute)
		rec.Owner = ""
		save(t, s, driver.Key{byte(i), byte(i >> 8)}, 0, rec)
	}
	if n := count() - before; n > lockCount+len(s.expiry.kept.logs) {
		t.Errorf("%d files stay open", n)
	}
	// A sweep closes the logs that it claimed.
	c.set(beginning + 4000*minute)
	sweep(t, s, 4000)
	if n := count() - before; n > lockCount+1 {
		t.Errorf("%d files stay open after a sweep", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count() - before; n > 0 {
		t.Errorf("%d files stay open after Close", n)
	}
}
