package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/pump-go/sessions/internal/sem"
)

// lockPoll is how long a process waits before it tries again to get a lock that
// another one holds; it is held for well under a millisecond.
const lockPoll = 250 * time.Microsecond

// locks are the locks of the directories of records, and that of the sweep.
type locks struct {
	tree   *tree
	dir    string
	shards [shardCount]lock
	sweep  lock
}

// A lock excludes other goroutines and, by a lock file, other stores on the same
// directory.
type lock struct {
	tree  *tree
	ready atomic.Bool   // the file exists, with its mode
	sem   chan struct{} // among the goroutines of this store
	file  *flock.Flock
}

func newLocks(t *tree, dir string) *locks {
	l := &locks{tree: t, dir: dir}
	for i := range l.shards {
		l.shards[i].init(t, filepath.Join(dir, fmt.Sprintf("%02x", i)))
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
	for i := range l.shards {
		names[fmt.Sprintf("%02x", i)] = &l.shards[i]
	}
	return l.tree.checkEntries(l.dir,
		func(name string) bool { return names[name] != nil },
		func(path string) error { return names[filepath.Base(path)].check() })
}

func (l *lock) init(t *tree, path string) {
	l.tree = t
	l.sem = make(chan struct{}, 1)
	l.file = flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(fileMode))
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
		_, err := l.file.TryLockContext(ctx, lockPoll)
		if err == nil {
			err = l.checkLocked()
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.ready.Store(false)
		if !retry {
			return err
		}
	}
}

// checkLocked unlocks and returns an error unless the locked file is a regular file.
func (l *lock) checkLocked() error {
	info, err := l.file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = l.notALock(kindOf(info.Mode()))
	}
	if err != nil {
		_ = l.file.Unlock()
	}
	return err
}

func (l *lock) notALock(kind string) error {
	return fmt.Errorf("%s is %s, not a lock file: stop all programs that use the sessions, and remove it", l.file.Path(), kind)
}

// ensure creates the lock file, with the right mode under any umask.
func (l *lock) ensure() error {
	if l.ready.Load() {
		return nil
	}
	if err := l.tree.ensure(filepath.Dir(l.file.Path())); err != nil {
		return err
	}
	if err := errors.Join(createEmpty(l.file.Path()), l.check()); err != nil {
		return err
	}
	l.ready.Store(true)
	return nil
}

// check returns an error unless the lock file is a regular file of the store. It
// may have several hard links, which do not affect a lock.
func (l *lock) check() error {
	info, err := os.Lstat(l.file.Path())
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return l.notALock(kindOf(info.Mode()))
	case !l.tree.trust.owns(info):
		return l.notALock("another user's file")
	case hasModes && info.Mode().Perm() != fileMode:
		return os.Chmod(l.file.Path(), fileMode)
	}
	return nil
}

func (l *lock) unlock() {
	_ = l.file.Unlock() // does not fail for a lock that is held
	<-l.sem
}
