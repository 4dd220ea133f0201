//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package file

import (
	"os"

	"github.com/gofrs/flock"
)

// A lockFile is a file that is locked as the system allows. It is open while it is
// locked.
type lockFile struct {
	path string
	file *flock.Flock
}

func newLockFile(path string) lockFile {
	return lockFile{path, flock.New(path, flock.SetFlag(os.O_RDWR|noFollow), flock.SetPermissions(fileMode))}
}

// tryLock locks the file unless another process has locked it, and reports whether
// it did.
func (l *lockFile) tryLock() (bool, error) {
	locked, err := l.file.TryLock()
	if err != nil || !locked {
		return false, err
	}
	info, err := l.file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notALock(l.path, kindOf(info.Mode()))
	}
	if err != nil {
		l.unlock()
		return false, err
	}
	return true, nil
}

func (l *lockFile) unlock() { _ = l.file.Unlock() } // does not fail for a lock that is held

func (l *lockFile) close() { l.unlock() }
