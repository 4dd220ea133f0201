package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pump-go/sessions/driver"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// tree creates and checks the store's directories below base, a directory that
// the program named.
type tree struct {
	base  string // absolute, without symbolic links
	trust trust
	sync  bool
	log   *slog.Logger
}

// check returns an error unless dir and the directories between it and base
// belong to the store. It is called for each use, so that the store does not follow
// a link that replaced a directory while it is open.
func (t *tree) check(dir string) error {
	if dir == t.base {
		return nil
	}
	if err := t.check(filepath.Dir(dir)); err != nil {
		return err
	}
	return t.checkOne(dir)
}

// checkOne checks one directory, and corrects its mode.
func (t *tree) checkOne(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is %s, not a directory: move it away, or put the directory of the sessions back in its place", dir, kindOf(info.Mode()))
	case !t.trust.owns(info):
		return fmt.Errorf("%s belongs to another user: change its owner, or move it away", dir)
	case hasModes && info.Mode().Perm() != dirMode:
		return os.Chmod(dir, dirMode)
	}
	return nil
}

// ensure creates dir and its missing parents, or checks those that exist.
func (t *tree) ensure(dir string) error {
	if dir == t.base {
		_, err := driver.MakeDataDir(dir)
		return err
	}
	err := t.check(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.ensure(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if t.sync {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return t.checkOne(dir) // which also undoes the umask
}

// checkEntries calls check for the entries of dir whose names named accepts.
func (t *tree) checkEntries(dir string, named func(string) bool, check func(path string) error) error {
	var errs []error
	err := eachName(dir, func(name string) {
		if !named(name) {
			return
		}
		if err := ignoreAbsent(check(filepath.Join(dir, name))); err != nil {
			errs = append(errs, err)
		}
	})
	errs = errs[:min(len(errs), 3)] // three are enough for a message
	return errors.Join(append(errs, ignoreAbsent(err))...)
}

// A foreignError is returned for something other than a file of the store, in
// the place of one: a link, a FIFO, another user's file. It is
// driver.ErrCorrupt, since there is no record in it.
type foreignError struct{ path, kind string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("%s is %s, not a file of this store: %v", e.path, e.kind, driver.ErrCorrupt)
}

func (e *foreignError) Unwrap() error { return driver.ErrCorrupt }

func isForeign(err error) bool {
	if err == nil {
		return false
	}
	var e *foreignError
	return errors.As(err, &e)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case !mode.IsRegular():
		return "a special file"
	default:
		return "a file"
	}
}

// foreignAt returns the error for what is at path.
func foreignAt(path string) error {
	kind := "something else"
	if info, err := os.Lstat(path); err == nil {
		if kind = kindOf(info.Mode()); info.Mode().IsRegular() {
			kind = "another user's file, or one with several names"
		}
	}
	return &foreignError{path, kind}
}

// foreignSuffix is the end of the names of files that were set aside.
const foreignSuffix = ".foreign"

// setAside renames something that does not belong to the store, and logs a warning.
// It is not deleted, because the store cannot know whose it is.
func (t *tree) setAside(path string, reason error) error {
	to := fmt.Sprintf("%s.%d%s", path, time.Now().UnixNano(), foreignSuffix)
	if err := os.Rename(path, to); err != nil {
		return ignoreAbsent(err)
	}
	t.log.Warn("sessions: set aside what is not a file of the store", "moved to", to, "error", reason)
	return nil
}

// createEmpty creates an empty file with mode fileMode, whatever the umask. It does
// nothing if there is something at path.
func createEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(fileMode), f.Close())
}

// eachName calls f with each name in dir, in no order.
func eachName(dir string, f func(name string)) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			f(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
