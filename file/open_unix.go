//go:build unix

package file

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasModes reports that file modes keep other users out.
const hasModes = true

// noFollow are flags that neither follow a link nor wait for the other end of a
// FIFO.
const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// trust holds the users whose files the store accepts: the one that it runs as, and
// the owner of the data directory.
type trust [2]uint32

func trustOf(dir fs.FileInfo) trust {
	t := trust{uint32(os.Geteuid()), uint32(os.Geteuid())}
	if st, ok := dir.Sys().(*syscall.Stat_t); ok {
		t[1] = st.Uid
	}
	return t
}

func (t trust) owns(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && t.has(st.Uid)
}

func (t trust) has(uid uint32) bool { return uid == t[0] || uid == t[1] }

// openOwn opens a file of the store. For anything else it returns a *foreignError.
func openOwn(path string, flags int, t trust) (fd int, st unix.Stat_t, err error) {
	for {
		fd, err = unix.Open(path, flags|noFollow, fileMode)
		if err != unix.EINTR {
			break
		}
	}
	return checkOpened(path, flags, t, fd, err)
}

// checkOpened checks an opened file, or converts the error of open. A file that is
// appended to must have one hard link only, because a backup by hard links must not
// change.
func checkOpened(path string, flags int, t trust, fd int, err error) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	switch err {
	case nil:
	case unix.ELOOP, unix.EMLINK, // a link, on Linux and FreeBSD
		unix.ENXIO, unix.EOPNOTSUPP, // a socket or FIFO; a socket on macOS
		unix.EISDIR:
		return -1, st, foreignAt(path)
	default:
		return -1, st, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !t.has(st.Uid) || flags&unix.O_APPEND != 0 && st.Nlink > 1 {
		unix.Close(fd)
		return -1, st, foreignAt(path)
	}
	if flags&unix.O_CREAT != 0 && st.Mode&0o777 != fileMode { // because of the umask
		if err := unix.Fchmod(fd, fileMode); err != nil {
			unix.Close(fd)
			return -1, st, &fs.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	return fd, st, nil
}

// A fileID identifies a file, whatever its name.
type fileID struct{ dev, ino uint64 }

// idOf returns the ID of an open file, by which it is known again.
func idOf(f *os.File) (fileID, bool) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return idIn(&st), err == nil
}

func idIn(st *unix.Stat_t) fileID { return fileID{uint64(st.Dev), uint64(st.Ino)} }

// isAt reports whether the file has that name.
func (id fileID) isAt(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && idIn(&st) == id
}

// isUsableAt reports whether the file has that name, and openOwn would open it to
// append to it and change nothing.
func (id fileID) isUsableAt(path string, t trust) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && idIn(&st) == id && t.has(st.Uid) && st.Nlink == 1 && st.Mode&0o777 == fileMode
}

// openLimit returns how many files the process may have open.
func openLimit() int64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return int64(min(uint64(r.Cur), 1<<20)) // without a limit, it is the largest number
}

// A recordFile is an open file of a record.
type recordFile struct {
	fd    int
	path  string
	size  int64
	links uint64 // the number of hard links
}

// openRecord opens a file of the store, to write to it too if write is set. With
// noSymlinks, it returns an error if there is a link anywhere in the path, or if the
// system cannot check that.
func openRecord(path string, t trust, write, noSymlinks bool) (f recordFile, err error) {
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	var st unix.Stat_t
	if noSymlinks {
		if f.fd, err = openNoSymlinks(path, flags); err != nil {
			return recordFile{}, err
		}
		f.fd, st, err = checkOpened(path, flags, t, f.fd, nil)
	} else {
		f.fd, st, err = openOwn(path, flags, t)
	}
	if err != nil {
		return recordFile{}, err
	}
	return recordFile{f.fd, path, st.Size, uint64(st.Nlink)}, nil
}

// readAt reads until b is full or the file ends.
func (f *recordFile) readAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		m, err := unix.Pread(f.fd, b[n:], at+int64(n))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return n, &fs.PathError{Op: "read", Path: f.path, Err: err}
		case m == 0:
			return n, nil
		default:
			n += m
		}
	}
	return n, nil
}

func (f *recordFile) writeAt(b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(f.fd, b, at)
		if err != nil && err != unix.EINTR {
			return &fs.PathError{Op: "write", Path: f.path, Err: err}
		}
		n = max(n, 0)
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// flush flushes the contents to the disk.
func (f *recordFile) flush() error {
	if err := flushData(f.fd, f.path); err != nil {
		return &fs.PathError{Op: "sync", Path: f.path, Err: err}
	}
	return nil
}

// isRemoved reports whether the file has no name any more.
func (f *recordFile) isRemoved() (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return false, &fs.PathError{Op: "stat", Path: f.path, Err: err}
	}
	return st.Nlink == 0, nil
}

func (f *recordFile) close() { _ = unix.Close(f.fd) }

// openFile is openOwn that returns an os.File.
func openFile(path string, flags int, t trust) (*os.File, error) {
	fd, _, err := openOwn(path, flags, t)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// writeNew creates a file with these bytes, and returns fs.ErrExist if there is
// something with that name. created reports whether it created the file; if it then
// returns an error, it has removed the file if it could. With noSymlinks, it returns
// an error if there is a link anywhere in the path, or if the system cannot check
// that.
func writeNew(path string, b []byte, sync, noSymlinks bool) (created bool, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	var fd int
	for {
		if noSymlinks {
			fd, err = openNoSymlinks(path, flags)
		} else {
			fd, err = unix.Open(path, flags, fileMode)
		}
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return false, &fs.PathError{Op: "create", Path: path, Err: err}
	}
	if err = fill(fd, path, b, sync); err != nil {
		_ = unix.Unlink(path) // the first error is returned
	}
	return true, err
}

// fill writes a new file and closes it.
func fill(fd int, path string, b []byte, sync bool) error {
	var st unix.Stat_t
	op, err := "stat", unix.Fstat(fd, &st)
	if err == nil && st.Mode&0o777 != fileMode { // because of the umask
		op, err = "chmod", unix.Fchmod(fd, fileMode)
	}
	for err == nil && len(b) > 0 {
		var n int
		op = "write"
		if n, err = unix.Write(fd, b); err == unix.EINTR {
			err = nil
		}
		b = b[max(n, 0):]
	}
	if err == nil && sync {
		f := os.NewFile(uintptr(fd), path) // its Sync does what each system needs
		err := f.Sync()
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	}
	if e := unix.Close(fd); err == nil {
		op, err = "close", e
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// syncDir flushes the names in a directory to the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// isBusy reports whether a file cannot be replaced because it is open. On Unix an
// open file can be replaced.
func isBusy(error) bool { return false }
