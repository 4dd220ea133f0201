//go:build unix

package file

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
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
func openOwn(path string, flags int, t trust) (fd int, size int64, err error) {
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
func checkOpened(path string, flags int, t trust, fd int, err error) (int, int64, error) {
	switch err {
	case nil:
	case unix.ELOOP, unix.EMLINK, // a link, on Linux and FreeBSD
		unix.ENXIO, unix.EOPNOTSUPP, // a socket or FIFO; a socket on macOS
		unix.EISDIR:
		return -1, 0, foreignAt(path)
	default:
		return -1, 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !t.has(st.Uid) || flags&unix.O_APPEND != 0 && st.Nlink > 1 {
		unix.Close(fd)
		return -1, 0, foreignAt(path)
	}
	if flags&unix.O_CREAT != 0 && st.Mode&0o777 != fileMode { // because of the umask
		if err := unix.Fchmod(fd, fileMode); err != nil {
			unix.Close(fd)
			return -1, 0, &fs.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	return fd, st.Size, nil
}

// readFile returns the contents of a file of the store of at most max bytes. With
// noSymlinks, it returns an error if there is a link anywhere in the path, or if the
// system cannot check that.
func readFile(path string, t trust, max int64, noSymlinks bool) ([]byte, error) {
	var fd int
	var size int64
	var err error
	if noSymlinks {
		if fd, err = openNoSymlinks(path); err != nil {
			return nil, err
		}
		fd, size, err = checkOpened(path, unix.O_RDONLY, t, fd, nil)
	} else {
		fd, size, err = openOwn(path, unix.O_RDONLY, t)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if size > max {
		return nil, fmt.Errorf("%s has %d bytes: %w", path, size, driver.ErrCorrupt)
	}
	b := make([]byte, size)
	for n := 0; n < len(b); {
		m, err := unix.Read(fd, b[n:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case m == 0:
			return b[:n], nil
		default:
			n += m
		}
	}
	return b, nil
}

// openFile is openOwn that returns an os.File.
func openFile(path string, flags int, t trust) (*os.File, error) {
	fd, _, err := openOwn(path, flags, t)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// writeNew creates a file with these bytes, and returns fs.ErrExist if there is
// something with that name. On any other error it leaves no file.
func writeNew(path string, b []byte, sync bool) (err error) {
	var fd int
	for {
		fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, fileMode)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	if err := fill(fd, path, b, sync); err != nil {
		_ = unix.Unlink(path) // the first error is returned
		return err
	}
	return nil
}

// fill writes a new file and closes it.
func fill(fd int, path string, b []byte, sync bool) error {
	op, err := "chmod", unix.Fchmod(fd, fileMode) // whatever the umask
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
