package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/pump-go/sessions/internal/sem"
)

// retry is how long a process waits before it asks again for a lock that
// another one holds; it is held for well under a millisecond.
const retry = 250 * time.Microsecond

// locks are the locks of the directories of records, and the one of the sweep.
type locks struct {
	dirs  [recordDirs]lock
	sweep lock
}

// lock excludes the other goroutines, and by a lock file all who have the store
// open besides.
type lock struct {
	tree *tree
	made atomic.Bool   // the file is there, with its mode
	turn chan struct{} // holds one: the goroutine whose turn it is
	file *flock.Flock
}

func newLocks(t *tree, dir string) *locks {
	l := &locks{}
	for i := range l.dirs {
		l.dirs[i].init(t, filepath.Join(dir, fmt.Sprintf("%02x", i)))
	}
	l.sweep.init(t, filepath.Join(dir, "sweep"))
	return l
}

func (l *lock) init(t *tree, path string) {
	l.tree = t
	l.turn = make(chan struct{}, 1)
	l.file = flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|wary), flock.SetPermissions(fileMode))
}

// lock waits for the lock until ctx ends.
func (l *lock) lock(ctx context.Context) error {
	if err := sem.Acquire(ctx, l.turn); err != nil {
		return err
	}
	err := l.lockFile(ctx)
	if err != nil {
		<-l.turn
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

func (l *lock) lockFile(ctx context.Context) error {
	for again := true; ; again = false {
		if err := l.ensure(); err != nil {
			return err
		}
		_, err := l.file.TryLockContext(ctx, retry)
		if again && errors.Is(err, fs.ErrNotExist) { // the directory has gone
			l.made.Store(false)
			continue
		}
		return err
	}
}

// ensure makes the lock file, with a mode that no umask has cut.
func (l *lock) ensure() error {
	if l.made.Load() {
		return nil
	}
	if err := l.tree.ensure(filepath.Dir(l.file.Path())); err != nil {
		return err
	}
	f, err := os.OpenFile(l.file.Path(), os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err == nil {
		err = errors.Join(f.Chmod(fileMode), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	l.made.Store(true)
	return nil
}

func (l *lock) unlock() {
	_ = l.file.Unlock() // of a lock that is held, it cannot fail
	<-l.turn
}
