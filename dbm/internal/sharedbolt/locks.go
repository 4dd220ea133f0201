package sharedbolt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

const (
	// timeSlice is how long a process keeps the file while another one wants it:
	// the time of a few commits, so that opening and closing it is a small part.
	timeSlice = 3 * time.Millisecond
	// lockPoll is how often a waiting process tries to lock.
	lockPoll = 250 * time.Microsecond
	// maxTurnWait is how long a process waits for the turn before it does
	// without.
	maxTurnWait = 100 * time.Millisecond
)

// locks decide which process has the file open. That process holds lock. One of
// the waiting processes holds turn, which shows the first that it is wanted; the
// others wait for turn.
//
// bbolt's own lock remains as a safeguard against other programs. Processes that
// use these locks never wait for it.
type locks struct{ lock, turn *flock.Flock }

// newLocks creates the lock files if they do not exist.
func newLocks(prefix string) (*locks, error) {
	open := func(path string) *flock.Flock {
		return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow))
	}
	l := &locks{lock: open(prefix + ".lock"), turn: open(prefix + ".turn")}
	for _, path := range []string{l.lock.Path(), l.turn.Path()} {
		if err := createEmpty(path); err != nil {
			return nil, err
		}
		if err := checkRegular(path); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// createEmpty creates an empty file with mode 0600, whatever the umask. It does
// nothing if there is something at path.
func createEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// tryLock locks if the lock is free, and reports whether it did. It returns an
// error if the lock file has been replaced by something that is not a regular
// file.
func tryLock(l *flock.Flock) (ok bool, err error) {
	ok, err = l.TryLock()
	if err != nil {
		if e := checkRegular(l.Path()); e != nil {
			return false, e
		}
		return false, err
	}
	if ok {
		info, err := l.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = notRegular(l.Path(), info.Mode())
		}
		if err != nil {
			_ = l.Unlock()
			return false, err
		}
	}
	return ok, nil
}

// acquire waits for lock. A process that was stopped while it held turn does not
// block the others: after maxTurnWait they try without it.
func (l *locks) acquire(ctx context.Context) error {
	defer l.turn.Unlock()
	began := time.Now()
	for {
		hasTurn, err := tryLock(l.turn)
		if err != nil {
			return err
		}
		if hasTurn || time.Since(began) > maxTurnWait {
			if ok, err := tryLock(l.lock); ok || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// wanted reports whether another process waits for lock, which this process
// holds.
func (l *locks) wanted() bool {
	free, err := tryLock(l.turn)
	if free {
		l.turn.Unlock()
	}
	return !free && err == nil
}

func (l *locks) release() error { return l.lock.Unlock() }
