//go:build unix

package file

import (
	"syscall"
)

// setIDs makes all of this process's threads the user's.
func setIDs(id int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(id); err != nil {
		return err
	}
	return syscall.Setuid(id)
}
