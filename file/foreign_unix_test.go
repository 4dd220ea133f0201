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

// traps are what somebody might plant under a name of ours. outside holds the
// bytes of a sound record.
var traps = map[string]func(path, outside string) error{
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
	"device": func(path, _ string) error { return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) }, // as /dev/null
}

// altered are traps that leave what is in the place, and change it.
var altered = map[string]func(path string) error{
	"wrong mode":  func(path string) error { return os.Chmod(path, 0o077) },
	"wrong owner": func(path string) error { return os.Chown(path, 65534, 65534) },
}

func init() {
	for name, alter := range altered {
		traps[name] = func(path, _ string) error {
			if _, err := os.Lstat(path); err != nil {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
			}
			return alter(path)
		}
	}
}

// warnings is a slog.Handler that counts.
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

// keptAside reports whether something was set aside.
func keptAside(t *testing.T, dir string) (found bool) {
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
	base, err := os.MkdirTemp("/dev/shm", "f") // which is fast
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

// sealed returns the bytes of a record.
func sealed(t *testing.T, rec driver.Record) []byte {
	t.Helper()
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spring sets a trap in place of what is at path.
func spring(t *testing.T, path, outside, trap string) {
	t.Helper()
	set := traps[trap]
	if altered[trap] == nil {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	rel, err := filepath.Rel(mustGetwd(t), path) // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	if len(rel) > 100 && altered[trap] == nil {
		// bind takes some hundred bytes: make it in a short place, then move it.
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

func untouched(t *testing.T, outside string, sound []byte) {
	t.Helper()
	if b, err := os.ReadFile(outside); err != nil || !bytes.Equal(b, sound) {
		t.Errorf("what the link leads to: %q, %v", b, err)
	}
	if _, err := os.Lstat(outside + ".missing"); err == nil {
		t.Error("a file was made where the link leads to")
	}
}

// An outcome is what a store does about a trap.
type outcome struct {
	atNew   string // part of New's error, or "" if it opens
	running string // what calls on the session in that place do
}

const (
	isFine    = "works"   // with a warning if something was in the way
	isError   = "fails"   // an error that is neither ErrCorrupt nor ErrNotFound: 503
	isDamaged = "damaged" // ErrCorrupt, for that one session
)

// Whatever takes the place of any file or directory of the store is refused at
// New, or costs one warning, or an error in the calls that need it. It is never
// followed, deleted or waited for, no session seems to be missing because of it,
// and no sign-out is acknowledged that did not happen.
func TestForeignInEveryPlace(t *testing.T) {
	key, second := driver.Key{1}, driver.Key{1, 2}
	type place struct {
		name string
		path func(s *store) string
		want func(trap string) outcome
	}
	always := func(o outcome) func(string) outcome { return func(string) outcome { return o } }
	directory := func(trap string) outcome {
		switch trap {
		case "directory", "full directory", "wrong mode": // as good as ours, or corrected
			return outcome{"", isFine}
		}
		return outcome{"move it away", isError}
	}
	lock := func(trap string) outcome {
		switch trap {
		case "hard link", "wrong mode":
			return outcome{"", isFine}
		case "wrong owner":
			// A program that has locked the file before goes on.
			return outcome{"not a lock file", isFine}
		}
		return outcome{"not a lock file", isError}
	}
	places := []place{
		{"the records", func(s *store) string { return s.records.dir }, directory},
		{"a directory of records", func(s *store) string { return s.records.shard(key.String()) }, directory},
		{"the owner index", func(s *store) string { return s.owners.dirs.dir }, directory},
		{"a directory of the owner index", func(s *store) string { return s.owners.dirs.shard(prefixOf("user:42")) }, directory},
		{"the expiry index", func(s *store) string { return s.expiry.dir }, directory},
		{"the locks", func(s *store) string { return s.locks.dir }, directory},
		{"the namespace", func(s *store) string { return filepath.Dir(s.records.dir) }, directory},
		{"a lock", func(s *store) string { return s.locks.shards[shardOf(key)].file.Path() }, lock},
		{"the lock of the sweep", func(s *store) string { return s.locks.sweep.file.Path() }, func(trap string) outcome {
			o := lock(trap)
			o.running = isFine // only the sweep fails
			return o
		}},
		{"a record", func(s *store) string { return pathOf(s, key) }, func(trap string) outcome {
			switch trap {
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
	// In these places, what is in the way is set aside, except for:
	spare := map[string]bool{"an unfinished record": true, "a log": true, "a claimed log": true}
	harmless := map[string]bool{"hard link": true, "wrong mode": true}
	for _, place := range places {
		for trap := range traps {
			for _, running := range []bool{false, true} {
				if trap == "wrong owner" && os.Geteuid() != 0 || trap == "device" && os.Geteuid() != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/running=%v", place.name, trap, running), func(t *testing.T) {
					want := place.want(trap)
					base := shortDir(t)
					outside := filepath.Join(base, "outside")
					sound := sealed(t, until(beginning+1000))
					if err := os.WriteFile(outside, sound, 0o600); err != nil {
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
					path := place.path(s)
					info, _ := os.Lstat(path)
					spring(t, path, outside, trap)
					if !running {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						again, err := New(Options{}).Open(t.Context(), cfg)
						if refused := err != nil; refused != (want.atNew != "") || refused && !strings.Contains(err.Error(), want.atNew) {
							t.Fatalf("New: %v, want %q", err, want.atNew)
						} else if refused {
							untouched(t, outside, sound)
							return
						}
						s = again.(*store)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					gone := strings.HasSuffix(trap, "directory") && info != nil && info.IsDir() // an empty one in its place is as good
					check := func(what string, err error) {
						t.Helper()
						switch {
						case ctx.Err() != nil:
							t.Fatalf("%s hangs", what)
						case want.running == isFine && err != nil:
							t.Errorf("%s: %v", what, err)
						case want.running == isError && (errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrConflict)):
							t.Errorf("%s: %v, as if the session were gone", what, err)
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
						t.Errorf("a sign-out was acknowledged, but: %v", err)
					}
					if strings.Contains(trap, "link") {
						untouched(t, outside, sound)
					}

					// The sweep meets it, and puts right what can be put right.
					_, _ = s.Sweep(ctx)
					c.set(beginning + day)
					_, _ = s.Sweep(ctx)
					_, err = s.Sweep(ctx)
					if ctx.Err() != nil {
						t.Fatal("Sweep hangs")
					}
					if want.running != isError && place.name != "the lock of the sweep" {
						if err != nil {
							t.Errorf("Sweep: %v", err)
						}
						if _, err := os.Lstat(pathOf(s, second)); err == nil {
							t.Error("an expired session was not removed")
						}
					}
					if strings.Contains(trap, "link") {
						untouched(t, outside, sound)
					}

					if spare[place.name] && !harmless[trap] && logs.n.Load() == 0 {
						t.Error("there was no warning")
					}
					if spare[place.name] && !harmless[trap] && !keptAside(t, base) {
						t.Error("what was in the way was deleted")
					}

					// Whatever it was, the next session works once it is away.
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
		t.Errorf("outside: %q", all)
	}
}
