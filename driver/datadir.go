package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeDataDir creates a directory for a store's data, with its missing parents,
// and returns its absolute path with symbolic links resolved. Directories that it
// creates have mode 0700 whatever the umask; existing ones keep their mode.
//
// On Unix it returns an error if another user could replace the directory or its
// contents: if it is world-writable and not sticky, or if a directory or link on
// its path belongs to another user and is in a world-writable directory. It
// accepts a directory of the program's user inside a world-writable one, and the
// error suggests creating one.
func MakeDataDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir) // the program may change its working directory
	if err != nil {
		return "", err
	}
	if err := makeDir(abs); err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", err
	}
	for _, path := range []string{abs, resolved} {
		if err := checkExposure(path); err != nil {
			return "", err
		}
	}
	return resolved, nil
}

// makeDir is os.MkdirAll with mode 0700 under any umask.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		return os.Chmod(dir, 0o700)
	}
	if info, statErr := os.Stat(dir); statErr == nil && info.IsDir() {
		return nil // another process created it
	}
	return err
}
