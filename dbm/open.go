package dbm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// foreign is how long to wait for a program that has the file open and does not
// know our locks.
const foreign = 250 * time.Millisecond

// open opens the database at path, for a process that holds the locks.
func open(path string) (*database, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			info, err = os.Stat(path)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty; remove it to start anew", ErrDamaged)
	}
	return openFile(path)
}

// create makes an empty database under another name first, so that whoever is
// killed in the middle leaves no half of one.
func create(path string) error {
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// syncDirectory makes a new name in it survive a power loss.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // it cannot, and NTFS keeps a journal
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openFile opens a file that is there.
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
		Timeout:      foreign,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
			if err != nil {
				return nil, err
			}
			if d.info, err = f.Stat(); err != nil {
				f.Close()
				return nil, err
			}
			d.file = f
			return f, nil
		},
	})
	if err == nil {
		err = d.whole()
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
	default: // what bbolt says of a file that is no database, or was one
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

// whole tells whether the file has all of its pages. Of one that was cut short,
// the kernel shows the end of the last page as zeros, and no fault.
func (d *database) whole() error {
	return view(d.DB, func(tx *bbolt.Tx) error {
		info, err := d.file.Stat()
		if err == nil && info.Size() < tx.Size() {
			err = fmt.Errorf("%w: it has %d of %d bytes", ErrDamaged, info.Size(), tx.Size())
		}
		return err
	})
}

// abandon gives up a database that cannot be closed, as bbolt panicked with its
// own locks held: at least others get at the file. The mapping is lost.
func (d *database) abandon() {
	if d.file != nil {
		unlock(d.file)
		d.file.Close()
	}
}

// moved tells whether another file has taken the place of the open one, such as
// a backup.
func (d *database) moved(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, d.info)
}
