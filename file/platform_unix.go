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

// private: modes keep other users out.
const private = true

// wary flags neither follow a link nor wait for a FIFO's other end.
const wary = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// trust is whose files the store takes for its own: those of the user that it
// runs as, and of the directory's owner.
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
	return ok && (st.Uid == t[0] || st.Uid == t[1])
}

// ownFile tells whether it is a file that nobody reaches under another name. A
// record that was replaced after it was opened has no name left.
func (t trust) ownFile(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && uint64(st.Nlink) <= 1 && (st.Uid == t[0] || st.Uid == t[1])
}

// openWary opens a file of ours, and what is none is ErrCorrupt.
func openWary(path string, flags int, t trust) (fd int, size int64, err error) {
	for {
		fd, err = unix.Open(path, flags|wary, fileMode)
		if err != unix.EINTR {
			break
		}
	}
	switch err {
	case nil:
	case unix.ELOOP, unix.EMLINK, // a link, as Linux and FreeBSD put it
		unix.ENXIO, unix.EOPNOTSUPP: // a socket or FIFO; a socket on macOS
		return -1, 0, fmt.Errorf("%s is no file of this store's: %w", path, driver.ErrCorrupt)
	default:
		return -1, 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if !t.ownFile(&st) {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("%s is no file of this store's: %w", path, driver.ErrCorrupt)
	}
	if flags&unix.O_CREAT != 0 && st.Mode&0o777 != fileMode { // the umask has cut it
		if err := unix.Fchmod(fd, fileMode); err != nil {
			unix.Close(fd)
			return -1, 0, &fs.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	return fd, st.Size, nil
}

// readFile returns what is in a file of ours of at most max bytes.
func readFile(path string, t trust, max int64) ([]byte, error) {
	fd, size, err := openWary(path, unix.O_RDONLY, t)
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

// openFile opens a file of ours as an os.File.
func openFile(path string, flags int, t trust) (*os.File, error) {
	fd, _, err := openWary(path, flags, t)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// writeNew makes a file with these bytes. What stood in its place goes. On an
// error no file is left.
func writeNew(path string, b []byte, sync bool) (err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	fd, err := unix.Open(path, flags, fileMode)
	for retry := 0; err == unix.EINTR || err == unix.EEXIST && retry == 0; fd, err = unix.Open(path, flags, fileMode) {
		if err == unix.EEXIST {
			retry++
			if err := ignoreAbsent(os.Remove(path)); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	if err := fill(fd, path, b, sync); err != nil {
		_ = unix.Unlink(path) // the error is told already
		return err
	}
	return nil
}

// fill writes a new file and closes it.
func fill(fd int, path string, b []byte, sync bool) error {
	op, err := "chmod", unix.Fchmod(fd, fileMode) // the umask may have cut it
	for err == nil && len(b) > 0 {
		var n int
		op = "write"
		if n, err = unix.Write(fd, b); err == unix.EINTR {
			err = nil
		}
		b = b[max(n, 0):]
	}
	if err == nil && sync {
		f := os.NewFile(uintptr(fd), path) // knows what it takes on each system
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

// syncDir has the names in a directory on the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// busy tells whether a file cannot be replaced because somebody reads it, which
// is nowhere so.
func busy(error) bool { return false }
