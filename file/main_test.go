package file

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// Tests with several processes run this program again as a child process.
const (
	childEnv = "FILE_TEST_CHILD"
	dirEnv   = "FILE_TEST_DIR"
)

// children are the functions that a child process can run. An error fails the test.
var children = map[string]func(dir string, args []string) error{}

func TestMain(m *testing.M) {
	if name, ok := os.LookupEnv(childEnv); ok {
		args := strings.Fields(name)
		if err := children[args[0]](os.Getenv(dirEnv), args[1:]); err != nil {
			os.Stderr.WriteString(args[0] + ": " + err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a running child process.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   strings.Builder
}

func start(t testing.TB, dir, what string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childEnv+"="+what, dirEnv+"="+dir)
	c.cmd.Stderr = &c.err
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// rest returns the lines that the child prints from now on.
func (c *child) rest() (lines []string) {
	for c.lines.Scan() {
		lines = append(lines, c.lines.Text())
	}
	return lines
}

// wait waits for the child to end and returns the lines that it printed. If one is
// "skip:" and a reason, the test is skipped.
func (c *child) wait() []string {
	c.t.Helper()
	lines := c.rest()
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("a child process failed: %v\n%s", err, c.err.String())
	}
	for _, line := range lines {
		if why, ok := strings.CutPrefix(line, "skip:"); ok {
			skip(c.t, why)
		}
	}
	return lines
}

// skip skips a test, or fails it if SESSIONS_TEST_REQUIRE is set.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
		t.Fatal("required by SESSIONS_TEST_REQUIRE: " + why)
	}
	t.Skip(why)
}

// quickDir returns an empty directory, in memory if the system has /dev/shm. It is
// for tests that write much.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "file")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// clock is a clock that a test sets.
type clock struct{ ms atomic.Int64 }

func (c *clock) Now() time.Time        { return driver.Millis(c.ms.Load()).Time() }
func (c *clock) set(now driver.Millis) { c.ms.Store(int64(now)) }

// ctx is for child processes, which have no testing.T.
var ctx = context.Background()

// beginning is the initial time of the clock.
const beginning driver.Millis = 1_700_000_000_000

// openDir opens the store in dir with the real clock.
func openDir(dir string, o Options) (*store, error) {
	s, err := New(o).Open(context.Background(), driver.Config{
		DataDir: dir, SweepInterval: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	return s.(*store), nil
}

// open opens the store in dir with a clock that the test sets.
func open(t testing.TB, dir string) (*store, *clock) {
	t.Helper()
	c := &clock{}
	c.set(beginning)
	s, err := New(Options{}).Open(t.Context(), driver.Config{
		DataDir: dir, SweepInterval: -1, Now: c.Now, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*store), c
}

// until returns a record with version 1 and that expiry.
func until(expires driver.Millis) driver.Record {
	return driver.Record{Data: []byte("some data of a session"), Owner: "user:42", Version: 1, Created: beginning, Accessed: beginning, Expires: expires}
}

func save(t testing.TB, s *store, key driver.Key, old driver.Version, rec driver.Record) {
	t.Helper()
	if err := s.Save(t.Context(), key, old, rec); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func sweep(t testing.TB, s *store, want int) {
	t.Helper()
	if n, err := s.Sweep(t.Context()); n != want || err != nil {
		t.Errorf("Sweep removed %d, %v; want %d", n, err, want)
	}
}

// pathOf returns the path of the record at key.
func pathOf(s *store, key driver.Key) string { return s.records.file(key.String()) }

// files returns the paths of all files under a directory.
func files(t testing.TB, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// owned returns how many sessions Owned yields.
func owned(t testing.TB, s *store, owner string) (n int) {
	t.Helper()
	for _, err := range s.Owned(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
