//go:build unix

package file

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

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
}

// trapped makes a store with a record outside of it, and a short path for it,
// as a socket needs.
func trapped(t *testing.T) (s *store, c *clock, outside string, sound []byte) {
	base, err := os.MkdirTemp("", "f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	t.Chdir(base)
	s, c = open(t, filepath.Join(base, "d"))
	sound, err = driver.AppendRecord(nil, until(beginning+1000))
	if err != nil {
		t.Fatal(err)
	}
	outside = filepath.Join(base, "outside")
	if err := os.WriteFile(outside, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, c, outside, sound
}

// spring sets a trap in place of what is at path.
func spring(t *testing.T, path, outside string, set func(path, outside string) error) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(mustGetwd(t), path) // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	if len(rel) > 100 {
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

func TestPlantedInPlaceOfARecord(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			s, c, outside, sound := trapped(t)
			key := driver.Key{1}
			save(t, s, key, 0, until(beginning+1000))
			spring(t, pathOf(s, key), outside, set)

			_, err := s.Load(t.Context(), key)
			wantErr(t, "Load", err, driver.ErrCorrupt)
			wantErr(t, "Save", s.Save(t.Context(), key, 1, until(beginning+1000)), driver.ErrCorrupt)
			wantErr(t, "Touch", s.Touch(t.Context(), key, until(beginning+1000)), driver.ErrCorrupt)
			wantErr(t, "Delete at a version", s.Delete(t.Context(), key, 1), driver.ErrCorrupt)
			for e, err := range s.All(t.Context()) {
				if e.Key != key || !errors.Is(err, driver.ErrCorrupt) {
					t.Errorf("listed: %v, %v", e, err)
				}
			}
			if name == "directory" {
				if err := s.Save(t.Context(), key, 0, until(beginning+1000)); err == nil {
					t.Error("Save over a directory")
				}
			} else {
				save(t, s, key, 0, until(beginning+1000))
				if rec, err := s.Load(t.Context(), key); err != nil || rec.Version != 1 {
					t.Errorf("after Save: %v", err)
				}
			}
			untouched(t, outside, sound)

			spring(t, pathOf(s, key), outside, set)
			wantErr(t, "Delete", s.Delete(t.Context(), key, 0), nil)
			_, err = s.Load(t.Context(), key)
			wantErr(t, "Load", err, driver.ErrNotFound)

			save(t, s, key, 0, until(beginning+1000))
			spring(t, pathOf(s, key), outside, set)
			c.set(beginning + 1000)
			sweep(t, s, 1)
			untouched(t, outside, sound)
		})
	}
}

// The unfinished file is never written through what is in its place.
func TestPlantedInPlaceOfTheUnfinished(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			s, _, outside, sound := trapped(t)
			key := driver.Key{1}
			save(t, s, key, 0, until(beginning+1000))
			spring(t, s.records.under(key.String())+unfinished, outside, set)
			rec := until(beginning + 1000)
			rec.Version = 2
			save(t, s, key, 1, rec)
			untouched(t, outside, sound)
		})
	}
}

// A log or lock file that is none makes a clear error at once, and a sweep
// clears a log away.
func TestPlantedInPlaceOfALog(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			s, c, outside, sound := trapped(t)
			spring(t, filepath.Join(s.expiry.dir, logOf(beginning+1000, beginning)), outside, set)
			if err := s.Save(t.Context(), driver.Key{1}, 0, until(beginning+1000)); err == nil {
				t.Error("Save wrote its line")
			}
			untouched(t, outside, sound)
			c.set(beginning + 1000)
			sweep(t, s, 0)
			save(t, s, driver.Key{1}, 0, until(beginning+1001))
			untouched(t, outside, sound)
		})
	}
}

func TestPlantedInPlaceOfALock(t *testing.T) {
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			s, _, outside, sound := trapped(t)
			key := driver.Key{1}
			save(t, s, key, 0, until(beginning+1000))
			spring(t, s.locks.dirs[dirOf(key)].file.Path(), outside, set)
			rec := until(beginning + 1000)
			rec.Version = 2
			// It works, or fails, but it does not wait.
			if err := s.Save(t.Context(), key, 1, rec); err != nil {
				t.Log(err)
			}
			untouched(t, outside, sound)
		})
	}
}

// A link in place of one of our directories is refused, whether it was there
// before the store was opened or not.
func TestPlantedDirectories(t *testing.T) {
	key := driver.Key{1}
	for _, dir := range []string{"records", "records/01", "owners", "owners/" + prefixOf("user:42")[:3], "expiry", "locks", "ns.x.d"} {
		t.Run(dir, func(t *testing.T) {
			data, away := t.TempDir(), t.TempDir()
			path := filepath.Join(data, dir)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(away, path); err != nil {
				t.Fatal(err)
			}
			cfg := driver.Config{DataDir: data, SweepInterval: -1}
			if dir == "ns.x.d" {
				cfg.Namespace = "x"
			}
			// What lies there has the names of ours.
			theirs := []string{filepath.Join(away, unfinished), filepath.Join(away, key.String()), filepath.Join(away, prefixOf("user:42")+key.String())}
			for _, path := range theirs {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := New(Options{}).Open(t.Context(), cfg)
			if err == nil {
				defer s.Close()
				if err = s.Save(t.Context(), key, 0, until(1<<60)); err == nil {
					t.Error("Save followed the link")
				}
				if _, err = s.Load(t.Context(), key); err == nil {
					t.Error("Load followed the link")
				}
				_ = s.Delete(t.Context(), key, 0)
				_, _ = s.(driver.Sweeper).Sweep(t.Context())
			}
			if left := files(t, away); len(left) != len(theirs) {
				t.Errorf("where it leads to: %q", left)
			}
		})
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
	if n := len(files(t, s.owners.fan.dir)); n != len(hostile) {
		t.Errorf("%d entries", n)
	}
	if all := files(t, base); len(all) != len(files(t, filepath.Join(base, "data"))) {
		t.Errorf("outside: %q", all)
	}
}
