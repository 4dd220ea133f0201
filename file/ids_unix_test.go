//go:build unix

package file

import (
	"syscall"
)

// setIDs changes the user and group of all threads of this process.
func setIDs(id int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(id); err != nil {
		return err
	}
	return syscall.Setuid(id)
}
