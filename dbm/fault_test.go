//go:build linux

package dbm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/pump-go/sessions/driver"
)

// Each fault is made in a process of its own, because it affects the whole process.

func runRole(t *testing.T, role string) {
	t.Helper()
	start(t, role, t.TempDir()).done()
}

// limit sets the soft limit of a resource. The function it returns restores the
// limit.
func limit(resource int, n uint64) (func() error, error) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(resource, &before); err != nil {
		return nil, err
	}
	now := before
	now.Cur = n
	return func() error { return syscall.Setrlimit(resource, &before) }, syscall.Setrlimit(resource, &now)
}

// checkFailed returns an error unless err is a failure of the system that contains
// one of want.
func checkFailed(what string, err error, want ...string) error {
	if err == nil {
		return errors.New(what + " succeeded")
	}
	for _, sentinel := range []error{driver.ErrConflict, driver.ErrNotFound, driver.ErrCorrupt, driver.ErrNewerFormat, driver.ErrTooLarge, ErrDamaged} {
		if errors.Is(err, sentinel) {
			return fmt.Errorf("%s failed with the wrong error: %w", what, err)
		}
	}
	for _, w := range want {
		if strings.Contains(err.Error(), w) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w, want one of %q", what, err, want)
}

func init() {
	roles["full disk"] = func(dir string, _ io.Writer, _ *bufio.Scanner) error {
		signal.Ignore(syscall.SIGXFSZ)
		undo, err := limit(syscall.RLIMIT_FSIZE, 5000)
		if err != nil {
			return err
		}
		_, err = openIn(dir, Options{})
		if err := checkFailed("creating the file on a full disk", err, "file too large"); err != nil {
			return err
		}
		if err := undo(); err != nil {
			return err
		}

		s, err := openIn(dir, Options{})
		if err != nil {
			return fmt.Errorf("when there was space again: %w", err)
		}
		if err := fill(s, 20); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(dir, fileName))
		if err != nil {
			return err
		}
		for round := range 3 {
			if undo, err = limit(syscall.RLIMIT_FSIZE, uint64(info.Size())+4096); err != nil {
				return err
			}
			failed := 0
			for n := range 50 {
				rec := recordOf(n, "")
				rec.Data = make([]byte, 50_000)
				if err := s.Save(background, keyOf(1000*(round+1)+n), 0, rec); err != nil {
					failed++
					if err := checkFailed("a save on a full disk", err, "file too large"); err != nil {
						return err
					}
				}
				if err := holds(s, 20); err != nil {
					return fmt.Errorf("on a full disk: %w", err)
				}
			}
			if failed == 0 {
				return errors.New("the disk was never full")
			}
			if err := undo(); err != nil {
				return err
			}
			if err := s.Save(background, keyOf(1000*(round+1)+100), 0, recordOf(1, "")); err != nil {
				return fmt.Errorf("when there was space again: %w", err)
			}
			if info, err = os.Stat(filepath.Join(dir, fileName)); err != nil {
				return err
			}
		}
		return errors.Join(holds(s, 20), s.Close())
	}

	roles["no descriptors"] = func(dir string, _ io.Writer, _ *bufio.Scanner) error {
		s, err := openIn(dir, Options{Linger: time.Nanosecond})
		if err != nil {
			return err
		}
		if err := fill(s, 10); err != nil {
			return err
		}
		undo, err := limit(syscall.RLIMIT_NOFILE, 64)
		if err != nil {
			return err
		}
		var files []*os.File
		for {
			f, err := os.Open("/dev/null")
			if err != nil {
				break
			}
			files = append(files, f)
		}
		// Calls succeed while the store has the file open. It closes the file soon.
		for began := time.Now(); ; {
			rec := recordOf(0, "user")
			loaded, err := s.Load(background, keyOf(0))
			if err == nil {
				err = s.Save(background, keyOf(0), loaded.Version, rec)
			}
			if err != nil {
				if err := checkFailed("a save without descriptors", err, "too many open files"); err != nil {
					return err
				}
				break
			}
			if time.Since(began) > 5*time.Second {
				return errors.New("the file was never closed")
			}
			time.Sleep(10 * time.Millisecond)
			for f, err := os.Open("/dev/null"); err == nil; f, err = os.Open("/dev/null") {
				files = append(files, f) // the descriptors that the store closed
			}
		}
		for _, f := range files {
			f.Close()
		}
		if err := holds(s, 10); err != nil {
			return fmt.Errorf("when descriptors were available again: %w", err)
		}
		return errors.Join(s.Delete(background, keyOf(0), 0), s.Close(), undo())
	}

	roles["read-only"] = func(dir string, _ io.Writer, _ *bufio.Scanner) error {
		const nobody = 65534
		if os.Getuid() == 0 { // root may write to any file
			if err := errors.Join(os.Chown(filepath.Dir(dir), nobody, nobody), os.Chown(dir, nobody, nobody),
				syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
				return err
			}
		}
		path := filepath.Join(dir, fileName)
		if err := os.Chmod(dir, 0o500); err != nil {
			return err
		}
		_, err := openIn(dir, Options{})
		if err := checkFailed("creating the file in a read-only directory", err, "permission denied"); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
		s, err := openIn(dir, Options{Linger: time.Nanosecond})
		if err != nil {
			return err
		}
		if err := fill(s, 10); err != nil {
			return err
		}
		// An existing file can be written to in a read-only directory.
		if err := errors.Join(os.Chmod(dir, 0o500), s.Delete(background, keyOf(9), 0), os.Chmod(dir, 0o700)); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o400); err != nil {
			return err
		}
		for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			// The store may still have the file open for writing.
			if err = s.Save(background, keyOf(100), 0, recordOf(0, "")); err != nil && !errors.Is(err, driver.ErrConflict) {
				break
			}
			if time.Since(began) > 5*time.Second {
				return errors.New("a read-only file was written to")
			}
		}
		if err := checkFailed("a save into a read-only file", err, "permission denied"); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return errors.Join(holds(s, 9), s.Save(background, keyOf(101), 0, recordOf(0, "")), s.Close())
	}

	umask := func(mask int) func(string, io.Writer, *bufio.Scanner) error {
		return func(dir string, _ io.Writer, _ *bufio.Scanner) error {
			syscall.Umask(mask)
			data, locks := filepath.Join(dir, "a", "b"), filepath.Join(dir, "c")
			s, err := New(Options{}).Open(background, driver.Config{DataDir: data, LockDir: locks, SweepInterval: -1})
			if err != nil {
				return err
			}
			if err := fill(s.(*store), 3); err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
			files := 0
			err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
				if err != nil || path == dir {
					return err
				}
				want := os.ModeDir | 0o700
				if !info.IsDir() {
					files++
					want = 0o600
				}
				if info.Mode() != want {
					return fmt.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
				}
				return nil
			})
			if files != 3 && err == nil {
				err = fmt.Errorf("%d files, want the database and two locks", files)
			}
			return err
		}
	}
	roles["umask 0"] = umask(0)
	roles["umask 0777"] = umask(0o777)
}

func TestFullDisk(t *testing.T)               { runRole(t, "full disk") }
func TestTooManyOpenFiles(t *testing.T)       { runRole(t, "no descriptors") }
func TestReadOnlyFile(t *testing.T)           { runRole(t, "read-only") }
func TestModesUnderAnOpenUmask(t *testing.T)  { runRole(t, "umask 0") }
func TestModesUnderAStrictUmask(t *testing.T) { runRole(t, "umask 0777") }

// While a stopped process has the file open, calls fail at their deadlines.
// Afterwards they succeed again.
func TestStoppedProcessHasTheFileOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := openIn(dir, Options{Linger: time.Nanosecond})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Save(background, keyOf(0), 0, recordOf(0, "")))
	p := start(t, "write", dir)
	p.line()
	p.say("go")
	// Stop the process at a moment when it has the file open. This process closes
	// the file at once, so a lock that stays held is the other's.
	lock := flock.New(filepath.Join(dir, fileName+".lock"))
	held := func() bool {
		for began := time.Now(); time.Since(began) < 200*time.Millisecond; time.Sleep(time.Millisecond) {
			if ok, err := lock.TryLock(); ok || err != nil {
				must(t, errors.Join(err, lock.Unlock()))
				return false
			}
		}
		return true
	}
	must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	for !held() {
		must(t, p.cmd.Process.Signal(syscall.SIGCONT))
		time.Sleep(time.Millisecond)
		must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	}
	ctx, cancel := deadline(50 * time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.Load(ctx, keyOf(0))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
		t.Errorf("Load returned %v after %v", err, time.Since(began))
	}
	must(t, p.cmd.Process.Signal(syscall.SIGCONT))
	must(t, increment(s, keyOf(0)))
	p.done()
}

// These are the commands in the package documentation.
func TestBackupWithFlock(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("flock"); err != nil {
		missing(t, "flock(1) is not installed")
	}
	dir := t.TempDir()
	s := opened(t, dir)
	must(t, fill(s, 50))
	p := start(t, "write", dir)
	p.line()
	p.say("go")
	cmd := exec.Command("flock", "sessions.db.turn", "flock", "sessions.db.lock", "cp", "sessions.db", "backup.db")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, holds(s, 50))
	must(t, s.Delete(background, keyOf(0), 0))
	// Restore it in the same way, while the store is open.
	cmd = exec.Command("flock", "sessions.db.turn", "flock", "sessions.db.lock", "mv", "backup.db", "sessions.db")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, holds(s, 50))
	p.done()
	checkFile(t, s)
}
