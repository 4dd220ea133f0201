package dbm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkPlain returns an error unless path is a regular file of this user's or of
// the directory's owner. A link there could lead anywhere, and to open a FIFO is
// to wait.
func checkPlain(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	switch {
	case !info.Mode().IsRegular():
		return notPlain(path, info.Mode())
	case !ownedBy(info, dir):
		return fmt.Errorf("%s belongs to another user: change its owner, or remove it", path)
	}
	return nil
}

func notPlain(path string, mode fs.FileMode) error {
	kind := "a special file"
	switch {
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a FIFO"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("%s is %s, not a regular file: stop all programs that use the sessions, and move it away", path, kind)
}

// ignoreAbsent returns nil for a file that does not exist.
func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
