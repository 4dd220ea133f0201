package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/sem"
)

// lockPoll is how long a process waits before it tries again to get a lock that
// another one holds; it is held for well under a millisecond.
const lockPoll = 250 * time.Microsecond

// lockCount is the number of locks. Each is for four directories of records. So few
// can stay open, and 64 sessions can be flushed to the disk at a time with
// Options.Sync.
const lockCount = shardCount / 4

// locks are the locks of the directories of records, and that of the sweep.
type locks struct {
	tree  *tree
	dir   string
	locks [lockCount]lock
	sweep lock
}

// shard returns the lock of directory i of the records.
func (l *locks) shard(i int) *lock { return &l.locks[i%lockCount] }

// of returns the lock of a key's directory.
func (l *locks) of(key driver.Key) *lock { return l.shard(shardOf(key)) }

// A lock excludes other goroutines and, by a lock file, other stores on the same
// directory.
type lock struct {
	tree  *tree
	ready atomic.Bool   // the file exists, with its mode
	sem   chan struct{} // among the goroutines of this store
	file  lockFile
}

func newLocks(t *tree, dir string) *locks {
	l := &locks{tree: t, dir: dir}
	for i := range l.locks {
		l.locks[i].init(t, filepath.Join(dir, fmt.Sprintf("%02x", i)))
	}
	l.sweep.init(t, filepath.Join(dir, "sweep"))
	return l
}

// checkAll checks the directory and the lock files that exist.
func (l *locks) checkAll() error {
	if err := l.tree.ensure(l.dir); err != nil {
		return err
	}
	names := map[string]*lock{"sweep": &l.sweep}
	for i := range l.locks {
		names[fmt.Sprintf("%02x", i)] = &l.locks[i]
	}
	return l.tree.checkEntries(l.dir,
		func(name string) bool { return names[name] != nil },
		func(path string) error { return names[filepath.Base(path)].check() })
}

func (l *lock) init(t *tree, path string) {
	l.tree = t
	l.sem = make(chan struct{}, 1)
	l.file = newLockFile(path)
}

// lock waits for the lock until ctx ends.
func (l *lock) lock(ctx context.Context) error {
	if err := sem.Acquire(ctx, l.sem); err != nil {
		return err
	}
	err := l.lockFile(ctx)
	if err != nil {
		<-l.sem
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// lockFile locks the file. If that fails, it looks once whether the file is
// missing or has another mode.
func (l *lock) lockFile(ctx context.Context) error {
	for retry := true; ; retry = false {
		if err := l.ensure(); err != nil {
			return err
		}
		err := l.wait(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.ready.Store(false)
		if !retry {
			return err
		}
	}
}

// wait tries to lock the file until ctx ends.
func (l *lock) wait(ctx context.Context) error {
	for {
		locked, err := l.file.tryLock()
		if locked || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

func notALock(path, kind string) error {
	return fmt.Errorf("%s is %s, not a lock file: stop all programs that use the sessions, and remove it", path, kind)
}

// ensure creates the lock file, with the right mode under any umask.
func (l *lock) ensure() error {
	if l.ready.Load() {
		return nil
	}
	if err := l.tree.ensure(filepath.Dir(l.file.path)); err != nil {
		return err
	}
	if err := errors.Join(createEmpty(l.file.path), l.check()); err != nil {
		return err
	}
	l.ready.Store(true)
	return nil
}

// check returns an error unless the lock file is a regular file of the store. It
// may have several hard links, which do not affect a lock.
func (l *lock) check() error {
	info, err := os.Lstat(l.file.path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return notALock(l.file.path, kindOf(info.Mode()))
	case !l.tree.trust.owns(info):
		return notALock(l.file.path, "another user's file")
	case hasModes && info.Mode().Perm() != fileMode:
		return os.Chmod(l.file.path, fileMode)
	}
	return nil
}

func (l *lock) unlock() {
	l.file.unlock()
	<-l.sem
}

// close closes the lock files. It is called when no lock is held.
func (l *locks) close() {
	for i := range l.locks {
		l.locks[i].close()
	}
	l.sweep.close()
}

func (l *lock) close() {
	l.sem <- struct{}{}
	l.file.close()
	<-l.sem
}
