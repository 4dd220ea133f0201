package sharedbolt

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkRegular returns an error unless path is a regular file that belongs to
// this user or to the owner of its directory. A link could lead anywhere, and
// opening a FIFO would block.
func checkRegular(path string) error {
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
		return notRegular(path, info.Mode())
	case !ownedBy(info, dir):
		return fmt.Errorf("%s belongs to another user: change its owner, or remove it", path)
	}
	return nil
}

func notRegular(path string, mode fs.FileMode) error {
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
