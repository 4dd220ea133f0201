package file

import "golang.org/x/sys/unix"

// openNoSymlinks opens a path to read if no part of it is a symbolic link.
// Kernels before 5.6 and some sandboxes do not have it.
func openNoSymlinks(path string) (fd int, err error) {
	return unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | noFollow,
		Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
}
