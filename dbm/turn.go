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
	// turn is how long a process keeps the file while another wants it: a few
	// commits, so that the change itself is a small part of it.
	turn = 3 * time.Millisecond
	// poll is how often a process that waits tries its locks.
	poll = 250 * time.Microsecond
	// patience is how long a process waits behind another that waits.
	patience = 100 * time.Millisecond
)

// locks settle which process has the file. The one that has it holds held; of
// those that wait, one holds next, by which the first knows that somebody waits,
// and the others line up behind it. bbolt's own lock on the file remains the
// safeguard, and is not met by processes that use these.
type locks struct{ held, next *flock.Flock }

func newLocks(prefix string) (*locks, error) {
	l := &locks{held: flock.New(prefix + ".lock"), next: flock.New(prefix + ".turn")}
	return l, errors.Join(makeFile(l.held.Path()), makeFile(l.next.Path()))
}

// makeFile makes an empty file if there is none, with mode 0600 under any umask.
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

// take waits for the file. A process that was stopped while it was next does
// not hold up the others for long: they lose patience and try past it.
func (l *locks) take(ctx context.Context) error {
	defer l.next.Unlock()
	began := time.Now()
	for {
		first, err := l.next.TryLock()
		if err != nil {
			return err
		}
		if first || time.Since(began) > patience {
			if ok, err := l.held.TryLock(); ok || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

// wanted tells the process that has the file whether another waits for it.
func (l *locks) wanted() bool {
	free, err := l.next.TryLock()
	if free {
		l.next.Unlock()
	}
	return !free && err == nil
}

func (l *locks) release() error { return l.held.Unlock() }
