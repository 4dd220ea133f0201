//go:build unix

package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pump-go/sessions/driver"
)

// replacements put something else in place of a file or directory of the store.
// outside is a file with the bytes of a valid record.
var replacements = map[string]func(path, outside string) error{
	"symlink":          func(path, outside string) error { return os.Symlink(outside, path) },
	"dangling symlink": func(path, outside string) error { return os.Symlink(outside+".missing", path) },
	"symlink to itself": func(path, _ string) error {
		return os.Symlink(path, path)
	},
	"hard link": func(path, outside string) error { return os.Link(outside, path) },
	"fifo":      func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
	"socket": func(path, _ string) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	},
	"directory": func(path, _ string) error { return os.Mkdir(path, 0o700) },
	"full directory": func(path, _ string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "theirs"), nil, 0o600), os.Mkdir(filepath.Join(path, "more"), 0o700))
	},
	"device": func(path, _ string) error { return makeDevice(unix.Mknod, path) },
}

// makeDevice creates a device as /dev/null by unix.Mknod, whose type differs between
// systems.
func makeDevice[T int | uint64](mknod func(string, uint32, T) error, path string) error {
	return mknod(path, unix.S_IFCHR|0o600, T(unix.Mkdev(1, 3)))
}

// alterations are replacements that change the existing file.
var alterations = map[string]func(path string) error{
	"wrong mode":  func(path string) error { return os.Chmod(path, 0o077) },
	"wrong owner": func(path string) error { return os.Chown(path, 65534, 65534) },
}

func init() {
	for name, alter := range alterations {
		replacements[name] = func(path, _ string) error {
			if _, err := os.Lstat(path); err != nil {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
			}
			return alter(path)
		}
	}
}

// warnings is a slog.Handler that counts warnings and errors.
type warnings struct {
	slog.Handler
	n atomic.Int64
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		w.n.Add(1)
	}
	return nil
}

// hasForeign reports whether something was set aside in dir.
func hasForeign(t *testing.T, dir string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		found = found || strings.HasSuffix(path, foreignSuffix)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shortDir returns an empty directory with a short path, as a socket needs, and
// changes to it.
func shortDir(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/dev/shm", "f") // in memory
	if err != nil {
		base, err = os.MkdirTemp("", "f")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	t.Chdir(base)
	return base
}

// replace puts something of this kind in place of what is at path.
func replace(t *testing.T, path, outside, kind string) {
	t.Helper()
	set := replacements[kind]
	if alterations[kind] == nil {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	rel, err := filepath.Rel(mustGetwd(t), path) // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	if len(rel) > 100 && alterations[kind] == nil {
		// bind accepts about a hundred bytes: create it at a short path, then rename it.
		short := filepath.Join(filepath.Dir(outside), "t")
		if err := set(short, outside); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(short, path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := set(path, outside); err != nil {
		t.Fatal(err)
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkOutside fails if the file outside the store was changed, or if the target of
// the dangling link was created.
func checkOutside(t *testing.T, outside string, valid []byte) {
	t.Helper()
	if b, err := os.ReadFile(outside); err != nil || !bytes.Equal(b, valid) {
		t.Errorf("the target of the link: %q, %v", b, err)
	}
	if _, err := os.Lstat(outside + ".missing"); err == nil {
		t.Error("the target of the dangling link was created")
	}
}

// An outcome is what the store does about a replacement.
type outcome struct {
	atOpen  string // part of Open's error, or "" if it succeeds
	running string // what calls for the session do
}

const (
	isFine    = "works"   // with a warning if something was in the way
	isError   = "fails"   // an error that is neither ErrCorrupt nor ErrNotFound: 503
	isDamaged = "damaged" // ErrCorrupt, for that one session
)

// If a file or directory of the store is replaced by something else, Open returns an
// error, or a warning is logged, or the calls that need it fail. The store does not
// follow a link, wait for a FIFO or delete what is not its own. No session seems to
// be missing, and no failed sign-out is acknowledged.
func TestReplacedFilesAndDirectories(t *testing.T) {
	key, second := driver.Key{1}, driver.Key{1, 2}
	type location struct {
		name string
		path func(s *store) string
		want func(kind string) outcome
	}
	always := func(o outcome) func(string) outcome { return func(string) outcome { return o } }
	directory := func(kind string) outcome {
		switch kind {
		case "directory", "full directory", "wrong mode": // used, with its mode corrected
			return outcome{"", isFine}
		}
		return outcome{"move it away", isError}
	}
	lock := func(kind string) outcome {
		switch kind {
		case "hard link", "wrong mode":
			return outcome{"", isFine}
		case "wrong owner":
			// Only a store that has not used the lock yet checks its owner.
			return outcome{"not a lock file", isFine}
		}
		return outcome{"not a lock file", isError}
	}
	locations := []location{
		{"the records", func(s *store) string { return s.records.dir }, directory},
		{"a directory of records", func(s *store) string { return s.records.shard(key.String()) }, directory},
		{"the owner index", func(s *store) string { return s.owners.dirs.dir }, directory},
		{"a directory of the owner index", func(s *store) string { return s.owners.dirs.shard(prefixOf("user:42")) }, directory},
		{"the expiry index", func(s *store) string { return s.expiry.dir }, directory},
		{"the locks", func(s *store) string { return s.locks.dir }, directory},
		{"the namespace", func(s *store) string { return filepath.Dir(s.records.dir) }, directory},
		{"a lock", func(s *store) string { return s.locks.of(key).file.path }, lock},
		{"the lock of the sweep", func(s *store) string { return s.locks.sweep.file.path }, func(kind string) outcome {
			o := lock(kind)
			o.running = isFine // only the sweep fails
			return o
		}},
		{"a record", func(s *store) string { return pathOf(s, key) }, func(kind string) outcome {
			switch kind {
			case "hard link", "wrong mode":
				return outcome{"", isFine}
			}
			return outcome{"", isDamaged}
		}},
		{"an unfinished record", func(s *store) string { return s.tempOf(key.String()) }, always(outcome{"", isFine})},
		{"a log", func(s *store) string {
			return filepath.Join(s.expiry.dir, logName(logAt(beginning+1000, beginning), 0))
		}, always(outcome{"", isFine})},
		{"a claimed log", func(s *store) string {
			return filepath.Join(s.expiry.dir, "1.log.1"+claimedSuffix)
		}, always(outcome{"", isFine})},
		{"the mark of complete indexes", func(s *store) string { return s.completePath() }, always(outcome{"", isFine})},
		{"an entry of the owner index", func(s *store) string { return s.owners.dirs.file(prefixOf("user:42") + key.String()) }, always(outcome{"", isFine})},
	}
	// Here it is set aside, unless it is one of harmless.
	setAside := map[string]bool{"an unfinished record": true, "a log": true, "a claimed log": true}
	harmless := map[string]bool{"hard link": true, "wrong mode": true}
	for _, location := range locations {
		for kind := range replacements {
			for _, running := range []bool{false, true} {
				if (kind == "wrong owner" || kind == "device") && os.Geteuid() != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/running=%v", location.name, kind, running), func(t *testing.T) {
					want := location.want(kind)
					base := shortDir(t)
					outside := filepath.Join(base, "outside")
					valid := encoded(t, until(beginning+1000))
					if err := os.WriteFile(outside, valid, 0o600); err != nil {
						t.Fatal(err)
					}
					logs := &warnings{}
					c := &clock{}
					c.set(beginning)
					cfg := driver.Config{DataDir: filepath.Join(base, "d"), Namespace: "x", SweepInterval: -1, Now: c.Now, Logger: slog.New(logs)}
					opened, err := New(Options{}).Open(t.Context(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					s := opened.(*store)
					defer func() { s.Close() }()
					save(t, s, key, 0, until(beginning+1000))
					path := location.path(s)
					info, _ := os.Lstat(path)
					replace(t, path, outside, kind)
					if !running {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						again, err := New(Options{}).Open(t.Context(), cfg)
						if refused := err != nil; refused != (want.atOpen != "") || refused && !strings.Contains(err.Error(), want.atOpen) {
							t.Fatalf("Open returned %v, want %q", err, want.atOpen)
						} else if refused {
							checkOutside(t, outside, valid)
							return
						}
						s = again.(*store)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					gone := strings.HasSuffix(kind, "directory") && info != nil && info.IsDir() // an empty directory is used
					check := func(what string, err error) {
						t.Helper()
						switch {
						case ctx.Err() != nil:
							t.Fatalf("%s did not return", what)
						case want.running == isFine && err != nil:
							t.Errorf("%s: %v", what, err)
						case want.running == isError && (errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrConflict)):
							t.Errorf("%s: %v, as if the session did not exist", what, err)
						case want.running == isDamaged && err != nil && !errors.Is(err, driver.ErrCorrupt):
							t.Errorf("%s: %v", what, err)
						}
					}
					rec := until(beginning + 1000)
					_, loadErr := s.Load(ctx, key)
					if !gone {
						check("Load", loadErr)
						rec.Version = 2
						check("Save", s.Save(ctx, key, 1, rec))
					}
					check("Save of a new session", s.Save(ctx, second, 0, until(beginning+2000)))
					deleteErr := s.Delete(ctx, key, 0)
					check("Delete", deleteErr)
					if _, err := s.Load(ctx, key); deleteErr == nil && !errors.Is(err, driver.ErrNotFound) {
						t.Errorf("Load after an acknowledged sign-out: %v", err)
					}
					if strings.Contains(kind, "link") {
						checkOutside(t, outside, valid)
					}

					// The sweep repairs what it can.
					_, _ = s.Sweep(ctx)
					c.set(beginning + day)
					_, _ = s.Sweep(ctx)
					_, err = s.Sweep(ctx)
					if ctx.Err() != nil {
						t.Fatal("Sweep did not return")
					}
					if want.running != isError && location.name != "the lock of the sweep" {
						if err != nil {
							t.Errorf("Sweep: %v", err)
						}
						if _, err := os.Lstat(pathOf(s, second)); err == nil {
							t.Error("an expired session was not removed")
						}
					}
					if strings.Contains(kind, "link") {
						checkOutside(t, outside, valid)
					}

					if setAside[location.name] && !harmless[kind] && logs.n.Load() == 0 {
						t.Error("there was no warning")
					}
					if setAside[location.name] && !harmless[kind] && !hasForeign(t, base) {
						t.Error("it was deleted, not set aside")
					}

					// Everything works again when it has been removed.
					if want.running == isError {
						if err := os.RemoveAll(path); err != nil {
							t.Fatal(err)
						}
					}
					save(t, s, driver.Key{1, 3}, 0, until(beginning+2*day))
					if _, err := s.Load(ctx, driver.Key{1, 3}); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

func TestHostileOwnersStayInside(t *testing.T) {
	base := t.TempDir()
	s, _ := open(t, filepath.Join(base, "data"))
	hostile := []string{"../../../../x", "/etc/x", "..", ".", "a/b", `a\b`, "a\x00b", "con", "x\n", "\xff", string(bytes.Repeat([]byte("o"), driver.MaxOwner))}
	for i, owner := range hostile {
		rec := until(beginning + 1000)
		rec.Owner = owner
		save(t, s, driver.Key{byte(i)}, 0, rec)
		if n := owned(t, s, owner); n != 1 {
			t.Errorf("%q has %d", owner, n)
		}
	}
	if n := len(files(t, s.owners.dirs.dir)); n != len(hostile) {
		t.Errorf("%d entries", n)
	}
	if all := files(t, base); len(all) != len(files(t, filepath.Join(base, "data"))) {
		t.Errorf("files outside the data directory: %q", all)
	}
}
