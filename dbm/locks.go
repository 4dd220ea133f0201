package dbm

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
	// a few commits, so that the change itself is a small part of it.
	timeSlice = 3 * time.Millisecond
	// lockPoll is how often a waiting process tries its locks.
	lockPoll = 250 * time.Microsecond
	// patience is how long a process waits behind another waiting one.
	patience = 100 * time.Millisecond
)

// locks decide which process has the file. The one that has it holds the lock
// held. Of those that wait, one holds next, which shows the first that somebody
// waits, and the others wait for next. bbolt's own lock on the file remains the
// safeguard; processes that use these never meet it.
type locks struct{ held, next *flock.Flock }

func newLocks(prefix string) (*locks, error) {
	open := func(path string) *flock.Flock {
		return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow))
	}
	l := &locks{held: open(prefix + ".lock"), next: open(prefix + ".turn")}
	for _, path := range []string{l.held.Path(), l.next.Path()} {
		if err := makeFile(path); err != nil {
			return nil, err
		}
		if err := checkPlain(path); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// makeFile creates an empty file, with mode 0600 under any umask, unless
// something has that name.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// try takes a lock if it is free. What is not a lock file is an error.
func try(l *flock.Flock) (ok bool, err error) {
	ok, err = l.TryLock()
	if err != nil {
		if e := checkPlain(l.Path()); e != nil {
			return false, e
		}
		return false, err
	}
	if ok {
		info, err := l.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = notPlain(l.Path(), info.Mode())
		}
		if err != nil {
			_ = l.Unlock()
			return false, err
		}
	}
	return ok, nil
}

// take waits for the file. A process that was stopped while it held next does
// not block the others for long: they lose patience and pass it.
func (l *locks) take(ctx context.Context) error {
	defer l.next.Unlock()
	began := time.Now()
	for {
		first, err := try(l.next)
		if err != nil {
			return err
		}
		if first || time.Since(began) > patience {
			if ok, err := try(l.held); ok || err != nil {
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

// wanted reports whether another process waits for the file that this one has.
func (l *locks) wanted() bool {
	free, err := try(l.next)
	if free {
		l.next.Unlock()
	}
	return !free && err == nil
}

func (l *locks) release() error { return l.held.Unlock() }
