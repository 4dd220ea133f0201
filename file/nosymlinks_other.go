//go:build unix && !linux

package file

import "golang.org/x/sys/unix"

// openNoSymlinks is not available: the caller checks the directories instead.
func openNoSymlinks(string) (fd int, err error) { return -1, unix.ENOSYS }
