//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sharedbolt

import "os"

// unlock does nothing: closing the file releases bbolt's lock.
func unlock(*os.File) {}
