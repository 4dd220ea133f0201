//go:build linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// nobody is the user ID of server processes whose directory is made read-only,
// which has no effect on root.
const nobody = 65534

// useMemoryTemp makes the database servers keep their data in memory, if there is
// enough. The injected faults end processes only, so the data survives, and a busy
// disk would look like a slow store.
func useMemoryTemp() {
	const shm, enough = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") == "" && syscall.Statfs(shm, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > enough {
		os.Setenv("TMPDIR", shm)
	}
}

// disk is where a store keeps its files: a small disk of its own if we are root,
// else a directory.
type disk struct {
	dir     string // removed at the end
	data    string // the store's DataDir
	user    int
	mounted bool // so that it can be filled
}

func newDisk() (*disk, error) {
	dir, err := os.MkdirTemp("", "sessions-torture-")
	if err != nil {
		return nil, err
	}
	d := &disk{dir: dir}
	if os.Geteuid() == 0 {
		d.user = nobody
		// In a container, even root may not be allowed to mount.
		d.mounted = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256m,mode=0755") == nil
	}
	d.data = filepath.Join(dir, "data")
	err = os.Mkdir(d.data, 0o700)
	if err == nil && d.user != 0 {
		err = errors.Join(os.Chmod(dir, 0o755), os.Chown(d.data, d.user, d.user))
	}
	if err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (d *disk) remove() error {
	var err error
	if d.mounted {
		err = syscall.Unmount(d.dir, syscall.MNT_DETACH)
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// fill keeps the disk full for the duration.
func (d *disk) fill(hold time.Duration) error {
	ballast := filepath.Join(d.dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	defer os.Remove(ballast)
	defer f.Close()
	block := make([]byte, 1<<20)
	for began := time.Now(); time.Since(began) < hold; {
		_, err := f.Write(block)
		switch {
		case err == nil:
		case !errors.Is(err, syscall.ENOSPC):
			return err
		case len(block) > 4096:
			block = block[:4096]
		default:
			time.Sleep(time.Millisecond) // fill space that is freed
		}
	}
	return nil
}

// protect makes the directories, and the files that are written in place,
// read-only for the duration.
func (d *disk) protect(hold time.Duration) error {
	type mode struct {
		path string
		was  fs.FileMode
	}
	var changed []mode
	walk := func() error {
		return filepath.WalkDir(d.data, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed during the walk
			}
			if err != nil {
				return err
			}
			if !e.IsDir() && filepath.Dir(path) != d.data {
				return nil // a session's file, which is replaced rather than written in place
			}
			info, err := e.Info()
			if err == nil {
				err = os.Chmod(path, info.Mode().Perm()&^0o222)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				changed = append(changed, mode{path, info.Mode().Perm()})
			}
			return err
		})
	}
	err := walk()
	if err == nil {
		time.Sleep(hold)
	}
	for i := len(changed) - 1; i >= 0; i-- {
		if e := os.Chmod(changed[i].path, changed[i].was); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
