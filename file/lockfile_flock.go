//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package file

import (
	"os"

	"golang.org/x/sys/unix"
)

// A lockFile is a file that is locked by flock. It stays open when it is unlocked,
// because opening a file takes longer than locking it, unless too many files do.
// (Package github.com/gofrs/flock closes it.)
type lockFile struct {
	path string
	file *os.File
	id   fileID
	kept bool // it stays open when it is unlocked
}

func newLockFile(path string) lockFile { return lockFile{path: path} }

// tryLock locks the file unless another process has locked it, and reports whether
// it did. A file that has been replaced or removed since it was opened is opened
// again, since other processes do not lock the old one.
func (l *lockFile) tryLock() (bool, error) {
	if l.file == nil {
		if err := l.open(); err != nil {
			return false, err
		}
	}
	for {
		switch err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			if l.id.isAt(l.path) {
				return true, nil
			}
			l.close()
			return false, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			if !l.kept { // the caller may give up
				l.close()
			}
			return false, nil
		default:
			l.close()
			return false, &os.PathError{Op: "flock", Path: l.path, Err: err}
		}
	}
}

func (l *lockFile) open() error {
	f, err := os.OpenFile(l.path, os.O_RDWR|noFollow, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notALock(l.path, kindOf(info.Mode()))
	}
	id, ok := idOf(f)
	if err == nil && !ok {
		err = &os.PathError{Op: "stat", Path: l.path, Err: unix.EIO}
	}
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.id, l.kept = f, id, mayKeep()
	return nil
}

func (l *lockFile) unlock() {
	// It does not fail for a lock that is held. It releases the lock even if a
	// process that is being started has inherited the file.
	_ = unix.Flock(int(l.file.Fd()), unix.LOCK_UN)
	if !l.kept {
		l.file.Close()
		l.file = nil
	}
}

// close unlocks and closes the file.
func (l *lockFile) close() {
	if l.file == nil {
		return
	}
	if l.kept {
		l.kept = false
		doneKeeping()
	}
	l.unlock()
}
