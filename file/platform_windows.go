package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"

	"github.com/pump-go/sessions/driver"
)

// private: directories inherit their access list, and modes say nothing.
const private = false

// wary flags have no counterpart for those who open by package os.
const wary = 0

// trust is whose files the store takes for its own: anybody's who may write to
// the directory.
type trust struct{}

func trustOf(fs.FileInfo) trust { return trust{} }

func (trust) owns(fs.FileInfo) bool { return true }

// openFile opens a file of ours, and what is none is ErrCorrupt. It may be
// replaced while it is open, which package os does not allow for.
func openFile(path string, flags int, _ trust) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	access, create := uint32(windows.GENERIC_READ), uint32(windows.OPEN_EXISTING)
	if flags&os.O_APPEND != 0 {
		access = windows.FILE_APPEND_DATA | windows.FILE_READ_ATTRIBUTES | windows.SYNCHRONIZE
	}
	if flags&os.O_CREATE != 0 {
		create = windows.OPEN_ALWAYS
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	const attrs = windows.FILE_ATTRIBUTE_NORMAL | windows.FILE_FLAG_OPEN_REPARSE_POINT | windows.FILE_FLAG_BACKUP_SEMANTICS
	h, err := windows.CreateFile(name, access, share, nil, create, attrs, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		_ = windows.CloseHandle(h)
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	const foreign = windows.FILE_ATTRIBUTE_DIRECTORY | windows.FILE_ATTRIBUTE_REPARSE_POINT | windows.FILE_ATTRIBUTE_DEVICE
	if info.FileAttributes&foreign != 0 || info.NumberOfLinks > 1 {
		_ = windows.CloseHandle(h)
		return nil, fmt.Errorf("%s is no file of this store's: %w", path, driver.ErrCorrupt)
	}
	return os.NewFile(uintptr(h), path), nil
}

// readFile returns what is in a file of ours of at most max bytes.
func readFile(path string, t trust, max int64) ([]byte, error) {
	f, err := openFile(path, os.O_RDONLY, t)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		return nil, fmt.Errorf("%s has over %d bytes: %w", path, max, driver.ErrCorrupt)
	}
	return b, err
}

// writeNew makes a file with these bytes. What stood in its place goes. On an
// error no file is left.
func writeNew(path string, b []byte, sync bool) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(path, flags, fileMode)
	if errors.Is(err, fs.ErrExist) {
		if err := ignoreAbsent(os.Remove(path)); err != nil {
			return err
		}
		f, err = os.OpenFile(path, flags, fileMode)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && sync {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path) // the error is told already
	}
	return err
}

// syncDir does nothing: the step that replaces a file writes through.
func syncDir(string) error { return nil }

// busy tells whether a file cannot be replaced because somebody reads it.
func busy(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}
