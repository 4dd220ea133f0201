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

// traps put something in place of a file of the store. outside is a file that
// must stay as it is.
var traps = map[string]func(path, outside string) error{
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
		short := filepath.Join(filepath.Dir(filepath.Dir(path)), "s") // a socket's path is short
		return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: short}), os.Rename(short, path))
	},
	"device": func(path, _ string) error { return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) },
	// These leave the file.
	"hard link":   func(path, outside string) error { return os.Link(path, outside+".link") },
	"wrong mode":  func(path, _ string) error { return os.Chmod(path, 0o666) },
	"wrong owner": func(path, _ string) error { return os.Chown(path, 65534, 65534) },
}

// Whatever takes the place of a file of the store is refused at New; while the
// store is open, calls fail once the file is needed. Nothing is followed or
// waited for, no session seems to be missing, no sign-out is acknowledged that
// did not happen, and Close returns.
func TestForeignInEveryPlace(t *testing.T) {
	places := map[string]func(t *testing.T, dir string) string{
		"the database":          func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName) },
		"the lock":              func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName+".lock") },
		"the turn":              func(_ *testing.T, dir string) string { return filepath.Join(dir, "data", fileName+".turn") },
		"the lock in a LockDir": func(t *testing.T, dir string) string { return glob(t, filepath.Join(dir, "locks", "*.lock")) },
		"the turn in a LockDir": func(t *testing.T, dir string) string { return glob(t, filepath.Join(dir, "locks", "*.turn")) },
	}
	for place, pathIn := range places {
		for trap, set := range traps {
			for _, running := range []bool{false, true} {
				if (trap == "wrong owner" || trap == "device") && os.Geteuid() != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/running=%v", place, trap, running), func(t *testing.T) {
					dir := shortDir(t)
					outside := filepath.Join(dir, "outside")
					must(t, os.WriteFile(outside, []byte("theirs"), 0o600))
					cfg := driver.Config{DataDir: filepath.Join(dir, "data"), SweepInterval: -1}
					if strings.Contains(place, "LockDir") {
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
					if trap == "hard link" || strings.HasPrefix(trap, "wrong") {
						must(t, set(path, outside))
					} else {
						eventually(t, func() bool { // a running store may create it again
							_ = os.Remove(path)
							return set(path, outside) == nil
						})
					}

					refused := trap != "hard link" && trap != "wrong mode"
					if !running {
						began := time.Now()
						s, err = open()
						if time.Since(began) > 5*time.Second {
							t.Errorf("New took %v", time.Since(began))
						}
						if refused != (err != nil) {
							t.Fatalf("New: %v, want refused: %v", err, refused)
						}
						if refused {
							if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") && !strings.Contains(err.Error(), "change its owner") {
								t.Errorf("New: %v", err)
							}
							theirs(t, outside)
							return
						}
					}
					if trap == "wrong owner" && !strings.Contains(place, "database") {
						refused = false // only New looks at it: it still is the same lock
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
							for _, gone := range []error{nil, driver.ErrNotFound, driver.ErrConflict, driver.ErrCorrupt, context.DeadlineExceeded} {
								if errors.Is(err, gone) {
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
						t.Fatal("Close hangs")
					}
					theirs(t, outside)
				})
			}
		}
	}
}

// The file that becomes the database is never made in somebody else's.
func TestForeignInPlaceOfTheNewDatabase(t *testing.T) {
	for trap, set := range traps {
		if trap == "hard link" || strings.HasPrefix(trap, "wrong") {
			continue // there is no file to change
		}
		t.Run(trap, func(t *testing.T) {
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
				t.Errorf("it was not set aside, or nobody was told: %s", log.String())
			}
			theirs(t, outside)
		})
	}
}

func last[T any](_ T, err error) error { return err }

// shortDir is t.TempDir with a path that is short enough for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// glob returns the one file that matches.
func glob(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%s: %q", pattern, found)
	}
	return found[0]
}

// theirs fails if the file outside of the store was changed, or the one that a
// dangling link names was made.
func theirs(t *testing.T, outside string) {
	t.Helper()
	if b, err := os.ReadFile(outside); err != nil || string(b) != "theirs" {
		t.Errorf("the file outside: %q, %v", b, err)
	}
	if _, err := os.Lstat(outside + ".missing"); err == nil {
		t.Error("a file was made where the link leads")
	}
}
