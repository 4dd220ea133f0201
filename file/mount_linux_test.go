package file

import "golang.org/x/sys/unix"

// mountSmall mounts a small disk at dir.
func mountSmall(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700")
}

func unmount(dir string) { _ = unix.Unmount(dir, unix.MNT_DETACH) }

// setReadOnly remounts the small disk at dir.
func setReadOnly(dir string, on bool) error {
	flags := uintptr(unix.MS_REMOUNT)
	if on {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("tmpfs", dir, "tmpfs", flags, "size=256k,mode=0700")
}
