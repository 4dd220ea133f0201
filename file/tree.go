package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// tree makes the store's directories, and refuses others in their place.
type tree struct {
	trust trust
	sync  bool
}

// check fails unless dir is a directory of ours, and makes it private.
func (t *tree) check(dir string) error {
	dir = filepath.Clean(dir) // or a separator at the end would have Lstat follow a link
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !t.trust.owns(info) {
		return fmt.Errorf("%s is not a directory of this store's: remove it", dir)
	}
	if private && info.Mode().Perm() != dirMode {
		return os.Chmod(dir, dirMode)
	}
	return nil
}

// ensure makes dir, and those above it, unless it is there; then it checks it.
func (t *tree) ensure(dir string) error {
	dir = filepath.Clean(dir)
	err := t.check(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = os.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		if err := t.ensure(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, dirMode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if t.sync {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return t.check(dir) // which undoes what the umask did
}
