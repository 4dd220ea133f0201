//go:build unix

package file

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

func init() {
	// umask MASK: use the store under that umask, without the privileges of root.
	children["umask"] = func(dir string, args []string) error {
		mask, err := strconv.ParseInt(args[0], 8, 32)
		if err != nil {
			return err
		}
		if err := unprivileged(dir); err != nil {
			return err
		}
		unix.Umask(int(mask))
		for _, sync := range []bool{false, true} {
			s, err := New(Options{Sync: sync}).Open(ctx, driver.Config{
				DataDir: filepath.Join(dir, "a", "data"), LockDir: filepath.Join(dir, "b", "locks"), Namespace: "ns", SweepInterval: -1,
			})
			if err != nil {
				return err
			}
			key := driver.Key{1}
			for i := range driver.Version(3) {
				rec := until(1 << 60)
				rec.Version = i + 1
				if err := s.Save(ctx, key, i, rec); err != nil {
					return err
				}
				if _, err := s.Load(ctx, key); err != nil {
					return err
				}
			}
			if _, err := s.(driver.Sweeper).Sweep(ctx); err != nil {
				return err
			}
			if sync { // the test checks the files that are left
				return s.Close()
			}
			if err := s.Delete(ctx, key, 0); err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
		}
		return nil
	}
}

// unprivileged changes the user of this process to nobody if it is root, and makes
// nobody the owner of dir.
func unprivileged(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		return err
	}
	if err := setIDs(nobody); err != nil {
		return fmt.Errorf("becoming nobody: %w", err)
	}
	return nil
}

// publicDir returns an empty directory that the user nobody can access.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestModesUnderAnyUmask(t *testing.T) {
	for _, mask := range []string{"0", "022", "077", "0777"} {
		t.Run(mask, func(t *testing.T) {
			dir := publicDir(t)
			start(t, dir, "umask "+mask).wait()
			n := 0
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || path == dir {
					return err
				}
				info, err := d.Info()
				if err != nil {
					return err
				}
				want := fs.FileMode(0o600)
				if d.IsDir() {
					want = 0o700
				}
				if n++; info.Mode().Perm() != want {
					t.Errorf("%s has mode %v", path, info.Mode())
				}
				return nil
			})
			if err != nil || n < 10 {
				t.Errorf("%d files, %v", n, err)
			}
		})
	}
}
