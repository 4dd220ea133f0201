package dbm

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// boltTimeout is how long to wait for a program that has the file open and does
// not use these locks.
const boltTimeout = 250 * time.Millisecond

// open opens the database at path, for a process that holds the locks.
func open(path string, log *slog.Logger) (*database, error) {
	err := checkPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(path, log)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty; remove it to start with no sessions", ErrDamaged)
	}
	return openFile(path)
}

// create creates an empty database under another name first, so that a process
// that is killed meanwhile does not leave half of one.
func create(path string, log *slog.Logger) error {
	unfinished := path + ".new"
	if err := clear(unfinished, log); err != nil {
		return err
	}
	if err := makeFile(unfinished); err != nil {
		return err
	}
	d, err := openFile(unfinished)
	if err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// clear makes a name free. A regular file there is what a killed process left.
// Anything else is renamed, as it may be somebody's.
func clear(path string, log *slog.Logger) error {
	err := checkPlain(path)
	if err == nil {
		return os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	to := fmt.Sprintf("%s.%d.foreign", path, time.Now().UnixNano())
	if err := os.Rename(path, to); err != nil {
		return err
	}
	log.Warn("dbm: set aside what is not a file of the store", "moved to", to, "error", err)
	return nil
}

// syncDirectory makes a new name in dir survive a power failure.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows cannot, and NTFS has a journal
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openFile opens an existing file.
func openFile(path string) (d *database, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d = &database{leave: make(chan struct{}), empty: make(chan struct{})}
	defer func() {
		if reason := recover(); reason != nil {
			d.abandon()
			d, err = nil, &damage{reason: reason}
		}
	}()
	d.DB, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      boltTimeout,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE|noFollow, mode)
			if err != nil {
				return nil, err
			}
			if d.info, err = f.Stat(); err == nil && !d.info.Mode().IsRegular() {
				err = notPlain(name, d.info.Mode())
			}
			if err != nil {
				f.Close()
				return nil, err
			}
			d.file = f
			return f, nil
		},
	})
	if err == nil {
		err = d.checkSize()
		switch {
		case isStuck(err):
			d.abandon()
		case err != nil:
			err = errors.Join(err, d.Close())
		}
		return d, err
	}
	var system syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("another program has %s open", path)
	case errors.As(err, &system):
		return nil, err
	default: // bbolt found something other than a whole database
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

// checkSize returns an error if the file lacks pages. If it was cut short, reading
// the rest of its last page is no fault: the kernel shows zeros.
func (d *database) checkSize() error {
	return view(d.DB, func(tx *bbolt.Tx) error {
		info, err := d.file.Stat()
		if err == nil && info.Size() < tx.Size() {
			err = fmt.Errorf("%w: it has %d of %d bytes", ErrDamaged, info.Size(), tx.Size())
		}
		return err
	})
}

// abandon gives up a database that cannot be closed because bbolt panicked with
// its own locks held. Other processes can then use the file; the mapping leaks.
func (d *database) abandon() {
	if d.file != nil {
		unlock(d.file)
		d.file.Close()
	}
}

// moved reports whether the open file has been replaced, for example by a
// backup, or removed.
func (d *database) moved(path string) bool {
	info, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, d.info)
}
