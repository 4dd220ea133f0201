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

// nobody is whom server processes run as that are to meet a read-only
// directory, which does not stop root.
const nobody = 65534

// quickTemp has the database servers keep their data in memory, where there is
// room: the faults are of processes, which a disk in memory survives, and a busy
// disk would pass for a slow store.
func quickTemp() {
	const shm, enough = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") == "" && syscall.Statfs(shm, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > enough {
		os.Setenv("TMPDIR", shm)
	}
}

// disk is the place of a store that keeps files: a small disk of its own if we
// are root, else a directory.
type disk struct {
	dir     string // to be removed
	data    string // the store's
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
		// A container may not let even root mount.
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

// fill leaves no byte free for the time.
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
			time.Sleep(time.Millisecond) // what is given back is taken again
		}
	}
	return nil
}

// protect lets nobody write for the time: no directory may change, nor the files
// that are written in place.
func (d *disk) protect(hold time.Duration) error {
	type mode struct {
		path string
		was  fs.FileMode
	}
	var changed []mode
	walk := func() error {
		return filepath.WalkDir(d.data, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went meanwhile
			}
			if err != nil {
				return err
			}
			if !e.IsDir() && filepath.Dir(path) != d.data {
				return nil // a session's own file, which is replaced and not written to
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
