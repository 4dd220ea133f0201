package file

import "golang.org/x/sys/unix"

// openNoSymlinks opens a path if no part of it is a symbolic link. Kernels before 5.6
// and some sandboxes do not have it.
func openNoSymlinks(path string, flags int) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | noFollow),
		Resolve: unix.RESOLVE_NO_SYMLINKS,
	}
	if flags&unix.O_CREAT != 0 {
		how.Mode = fileMode
	}
	return unix.Openat2(unix.AT_FDCWD, path, &how)
}

// flushData flushes the contents of a file to the disk, and of its attributes what is
// needed to read them.
func flushData(fd int, _ string) (err error) {
	for {
		if err = unix.Fdatasync(fd); err != unix.EINTR {
			return err
		}
	}
}
