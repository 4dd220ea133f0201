package sharedbolt

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

// boltTimeout is how long to wait for a program that has the file open without
// the locks of this package.
const boltTimeout = 250 * time.Millisecond

// openOrCreate opens the database at path. The caller holds the lock.
func openOrCreate(path string, log *slog.Logger) (*handle, error) {
	err := checkRegular(path)
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
	return open(path)
}

// create creates an empty database. It does so under another name first, so that
// a process that is killed meanwhile leaves no incomplete database at path.
func create(path string, log *slog.Logger) error {
	unfinished := path + ".new"
	if err := removeUnfinished(unfinished, log); err != nil {
		return err
	}
	if err := createEmpty(unfinished); err != nil {
		return err
	}
	h, err := open(unfinished)
	if err != nil {
		return err
	}
	if err := h.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// removeUnfinished removes the file that a killed process left at path. It
// renames anything but a regular file, because that comes from somebody else.
func removeUnfinished(path string, log *slog.Logger) error {
	err := checkRegular(path)
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
	log.Warn("sessions: set aside what is not a file of the store", "moved to", to, "error", err)
	return nil
}

// syncDirectory makes a rename in dir survive a power failure.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced; NTFS has a journal
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// open opens an existing file, which may be an empty one to start a database in.
func open(path string) (h *handle, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	h = &handle{drain: make(chan struct{}), drained: make(chan struct{})}
	defer func() {
		if reason := recover(); reason != nil {
			h.abandon()
			h, err = nil, &damage{reason: reason}
		}
	}()
	h.DB, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      boltTimeout,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE|noFollow, mode)
			if err != nil {
				return nil, err
			}
			if h.info, err = f.Stat(); err == nil && !h.info.Mode().IsRegular() {
				err = notRegular(name, h.info.Mode())
			}
			if err != nil {
				f.Close()
				return nil, err
			}
			h.file = f
			return f, nil
		},
	})
	if err == nil {
		err = h.checkSize()
		switch {
		case isStuck(err):
			h.abandon()
		case err != nil:
			err = errors.Join(err, h.Close())
		}
		return h, err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("another program has %s open", path)
	case errors.As(err, &errno):
		return nil, err
	default: // bbolt does not recognize the file
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

// checkSize returns an error if pages are missing at the end of the file. bbolt
// does not notice: reading past the end within the last page gives zeros.
func (h *handle) checkSize() error {
	return view(h.DB, func(tx *bbolt.Tx) error {
		info, err := h.file.Stat()
		if err == nil && info.Size() < tx.Size() {
			err = fmt.Errorf("%w: it has %d of %d bytes", ErrDamaged, info.Size(), tx.Size())
		}
		return err
	})
}

// abandon releases the file of a database that cannot be closed because bbolt
// panicked with its own locks held. Other processes can then use the file. The
// mapping leaks.
func (h *handle) abandon() {
	if h.file != nil {
		unlock(h.file)
		h.file.Close()
	}
}

// replaced reports whether path no longer names the open file: another file, for
// example a backup, took its place, or it was removed.
func (h *handle) replaced(path string) bool {
	info, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, h.info)
}
