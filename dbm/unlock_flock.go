//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dbm

import (
	"os"
	"syscall"
)

// unlock ends bbolt's lock. Closing the file does not, as long as it is mapped.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
