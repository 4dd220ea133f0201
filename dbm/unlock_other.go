//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package dbm

import "os"

// unlock has nothing to do: closing the file ends bbolt's lock.
func unlock(*os.File) {}
