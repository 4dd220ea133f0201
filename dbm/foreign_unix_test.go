//go:build unix

package dbm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

// replacements put something else in place of a file of the store. outside is a
// file that must not change.
var replacements = map[string]func(path, outside string) error{
	"symlink":           func(path, outside string) error { return os.Symlink(outside, path) },
	"dangling symlink":  func(path, outside string) error { return os.Symlink(outside+".missing", path) },
	"symlink to itself": func(path, _ string) error { return os.Symlink(path, path) },
	"fifo":              func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
	"directory":         func(path, _ string) error { return os.Mkdir(path, 0o700) },
	"full directory": func(path, _ string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "theirs"), nil, 0o600))
	},
	"socket": func(path, _ string) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		short := filepath.Join(filepath.Dir(filepath.Dir(path)), "s") // the path of a socket must be short
		return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: short}), os.Rename(short, path))
	},
	"device": func(path, _ string) error { return makeDevice(unix.Mknod, path) },
	// These change the file itself.
	"hard link":   func(path, outside string) error { return os.Link(path, outside+".link") },
	"wrong mode":  func(path, _ string) error { return os.Chmod(path, 0o666) },
	"wrong owner": func(path, _ string) error { return os.Chown(path, 65534, 65534) },
}

// makeDevice creates a device by unix.Mknod, whose type differs between systems.
func makeDevice[T int | uint64](mknod func(string, uint32, T) error, path string) error {
	return mknod(path, unix.S_IFCHR|0o600, T(unix.Mkdev(1, 3)))
}

// If a file of the store is replaced by something else, Open returns an error. If
// that happens while the store is open, the calls that need the file fail. The
// store does not follow links or wait for a FIFO, no session seems to be missing,
// no failed sign-out is acknowledged, and Close returns.
func TestReplacedFilesAreRejected(t *testing.T) {
	files := map[string]func(t *testing.T, dir string) string{
		"the database":          func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName) },
		"the lock":              func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName+".lock") },
		"the turn":              func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName+".turn") },
		"the lock in a LockDir": func(t *testing.T, dir string) string { return glob(t, filepath.Join(dir, "locks", "*.lock")) },
		"the turn in a LockDir": func(t *testing.T, dir string) string { return glob(t, filepath.Join(dir, "locks", "*.turn")) },
	}
	for name, pathIn := range files {
		for kind, set := range replacements {
			for _, running := range []bool{false, true} {
				if (kind == "wrong owner" || kind == "device") && os.Geteuid() != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/running=%v", name, kind, running), func(t *testing.T) {
					t.Parallel()
					dir := shortDir(t)
					outside := filepath.Join(dir, "outside")
					must(t, os.WriteFile(outside, []byte("theirs"), 0o600))
					cfg := driver.Config{DataDir: filepath.Join(dir, "data"), SweepInterval: -1}
					if strings.Contains(name, "LockDir") {
						cfg.LockDir = filepath.Join(dir, "locks")
					}
					open := func() (*store, error) {
						s, err := New(Options{Linger: time.Nanosecond}).Open(background, cfg)
						if err != nil {
							return nil, err
						}
						return s.(*store), nil
					}
					s, err := open()
					must(t, err)
					must(t, fill(s, 3))
					path := pathIn(t, dir)
					if !running {
						must(t, s.Close())
					}
					if kind == "hard link" || strings.HasPrefix(kind, "wrong") {
						must(t, set(path, outside))
					} else {
						eventually(t, func() bool { // an open store may create it again
							_ = os.Remove(path)
							return set(path, outside) == nil
						})
					}

					refused := kind != "hard link" && kind != "wrong mode"
					if !running {
						began := time.Now()
						s, err = open()
						if time.Since(began) > 5*time.Second {
							t.Errorf("Open took %v", time.Since(began))
						}
						if refused != (err != nil) {
							t.Fatalf("Open returned %v; want an error: %v", err, refused)
						}
						if refused {
							if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") && !strings.Contains(err.Error(), "change its owner") {
								t.Errorf("Open returned %v", err)
							}
							checkOutside(t, outside)
							return
						}
					}
					if kind == "wrong owner" && !strings.Contains(name, "database") {
						refused = false // only Open checks the owner of a lock file
					}
					if refused {
						eventually(t, func() bool {
							_, err := s.Load(background, keyOf(0))
							return err != nil
						})
						ctx, cancel := deadline(5 * time.Second)
						defer cancel()
						for what, err := range map[string]error{
							"Load":   last(s.Load(ctx, keyOf(0))),
							"Save":   s.Save(ctx, keyOf(5), 0, recordOf(5, "")),
							"Delete": s.Delete(ctx, keyOf(1), 0),
							"Sweep":  last(s.Sweep(ctx)),
						} {
							for _, wrong := range []error{nil, driver.ErrNotFound, driver.ErrConflict, driver.ErrCorrupt, context.DeadlineExceeded} {
								if errors.Is(err, wrong) {
									t.Errorf("%s: %v", what, err)
								}
							}
						}
					} else {
						must(t, holds(s, 3))
						must(t, s.Delete(background, keyOf(1), 0))
					}
					closed := make(chan error, 1)
					go func() { closed <- s.Close() }()
					select {
					case err := <-closed:
						must(t, err)
					case <-time.After(5 * time.Second):
						t.Fatal("Close did not return")
					}
					checkOutside(t, outside)
				})
			}
		}
	}
}

// What has the name of the new database file is renamed, not written to.
func TestForeignFileInPlaceOfTheNewDatabase(t *testing.T) {
	for kind, set := range replacements {
		if kind == "hard link" || strings.HasPrefix(kind, "wrong") {
			continue // they need a file
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			outside := filepath.Join(dir, "outside")
			must(t, os.WriteFile(outside, []byte("theirs"), 0o600))
			data := filepath.Join(dir, "data")
			must(t, os.Mkdir(data, 0o700))
			must(t, set(filepath.Join(data, fileName+".new"), outside))
			var log bytes.Buffer
			s, err := New(Options{}).Open(background, driver.Config{DataDir: data, SweepInterval: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			must(t, err)
			must(t, fill(s.(*store), 3))
			must(t, s.Close())
			if glob(t, filepath.Join(data, "*.foreign")) == "" || !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("it was not renamed, or there was no warning: %s", log.String())
			}
			checkOutside(t, outside)
		})
	}
}

func last[T any](_ T, err error) error { return err }

// shortDir is t.TempDir, but with a path that is short enough for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// glob returns the only file that matches.
func glob(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%s: %q", pattern, found)
	}
	return found[0]
}

// checkOutside fails if the file outside the store was changed, or if the target
// of the dangling link was created.
func checkOutside(t *testing.T, outside string) {
	t.Helper()
	if b, err := os.ReadFile(outside); err != nil || string(b) != "theirs" {
		t.Errorf("the file outside: %q, %v", b, err)
	}
	if _, err := os.Lstat(outside + ".missing"); err == nil {
		t.Error("the target of the dangling link was created")
	}
}
