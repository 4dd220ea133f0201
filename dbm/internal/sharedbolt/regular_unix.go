//go:build unix

package sharedbolt

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollow makes opening a symbolic link fail, and opening a FIFO not wait for
// the other end.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// ownedBy reports whether a file belongs to this user or to the owner of its
// directory.
func ownedBy(file, dir fs.FileInfo) bool {
	f, ok := file.Sys().(*syscall.Stat_t)
	d, ok2 := dir.Sys().(*syscall.Stat_t)
	return ok && ok2 && (int(f.Uid) == os.Geteuid() || f.Uid == d.Uid)
}
