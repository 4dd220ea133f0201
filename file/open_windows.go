package file

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// hasModes is false: directories inherit their access list, and modes mean
// nothing.
const hasModes = false

// noFollow has no counterpart among the flags of package os.
const noFollow = 0

// trust accepts the files of everyone who may write to the directory.
type trust struct{}

func trustOf(fs.FileInfo) trust { return trust{} }

func (trust) owns(fs.FileInfo) bool { return true }

// openFile opens a file of the store. For anything else it returns a *foreignError.
// The file may be replaced while it is open, which package os does not allow.
func openFile(path string, flags int, _ trust) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	access, create := uint32(windows.GENERIC_READ), uint32(windows.OPEN_EXISTING)
	if flags&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
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
	if info.FileAttributes&foreign != 0 || flags&os.O_APPEND != 0 && info.NumberOfLinks > 1 {
		_ = windows.CloseHandle(h)
		return nil, foreignAt(path)
	}
	return os.NewFile(uintptr(h), path), nil
}

// A fileID would identify a file. Here no file is known again: to look for its name
// takes as long as opening it.
type fileID struct{}

func idOf(*os.File) (fileID, bool) { return fileID{}, false }

func (fileID) isUsableAt(string, trust) bool { return false }

// openLimit is not needed, since no file stays open.
func openLimit() int64 { return 0 }

// A recordFile is an open file of a record.
type recordFile struct {
	file  *os.File
	size  int64
	links uint64 // the number of hard links
}

// openRecord opens a file of the store, to write to it too if write is set. With
// noSymlinks, it returns an error, since Windows cannot check that.
func openRecord(path string, t trust, write, noSymlinks bool) (recordFile, error) {
	if noSymlinks {
		return recordFile{}, errors.ErrUnsupported
	}
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR
	}
	f, err := openFile(path, flags, t)
	if err != nil {
		return recordFile{}, err
	}
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		f.Close()
		return recordFile{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return recordFile{f, int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow), uint64(info.NumberOfLinks)}, nil
}

// readAt reads until b is full or the file ends.
func (f *recordFile) readAt(b []byte, at int64) (int, error) {
	n, err := f.file.ReadAt(b, at)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *recordFile) writeAt(b []byte, at int64) error {
	_, err := f.file.WriteAt(b, at)
	return err
}

// flush flushes the contents to the disk.
func (f *recordFile) flush() error { return f.file.Sync() }

// isRemoved reports whether the file has no name any more.
func (f *recordFile) isRemoved() (bool, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.file.Fd()), &info); err != nil {
		return false, &fs.PathError{Op: "stat", Path: f.file.Name(), Err: err}
	}
	return info.NumberOfLinks == 0, nil
}

func (f *recordFile) close() { _ = f.file.Close() }

// writeNew creates a file with these bytes, and returns fs.ErrExist if there is
// something with that name. created reports whether it created the file; if it then
// returns an error, it has removed the file if it could. With noSymlinks, it returns
// an error, since Windows cannot check that.
func writeNew(path string, b []byte, sync, noSymlinks bool) (created bool, err error) {
	if noSymlinks {
		return false, errors.ErrUnsupported
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return false, err
	}
	_, err = f.Write(b)
	if err == nil && sync {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path) // the first error is returned
	}
	return true, err
}

// syncDir does nothing: replacing a file writes through to the disk.
func syncDir(string) error { return nil }

// isBusy reports whether a file cannot be replaced because it is open.
func isBusy(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}
