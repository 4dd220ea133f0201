//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sharedbolt

import (
	"os"
	"syscall"
)

// unlock releases bbolt's lock. Closing the file does not release it while the
// file is mapped.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
