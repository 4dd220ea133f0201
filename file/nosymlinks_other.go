//go:build unix && !linux

package file

import (
	"os"

	"golang.org/x/sys/unix"
)

// openNoSymlinks is not available: the caller checks the directories instead.
func openNoSymlinks(string, int) (fd int, err error) { return -1, unix.ENOSYS }

// flushData flushes a file to the disk. Sync of package os does what each system
// needs, such as F_FULLFSYNC on macOS.
func flushData(fd int, path string) error {
	again, err := unix.Dup(fd)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(again), path)
	defer f.Close()
	return f.Sync()
}
