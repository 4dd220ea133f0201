package file

import "golang.org/x/sys/unix"

// mountSmall mounts a small disk at dir.
func mountSmall(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700")
}

func unmount(dir string) { _ = unix.Unmount(dir, unix.MNT_DETACH) }
