package dbm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A test starts this test program again as a second process. Its role is in the
// environment.
const roleEnv = "DBM_TEST_ROLE"

// roles are the functions that a second process can run. dir is the store's
// directory.
var roles = map[string]func(dir string, out io.Writer, in *bufio.Scanner) error{}

func TestMain(m *testing.M) {
	role, dir, ok := strings.Cut(os.Getenv(roleEnv), "|")
	if !ok {
		os.Exit(m.Run())
	}
	if err := roles[role](dir, os.Stdout, bufio.NewScanner(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is a second process.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *strings.Builder
}

func start(t testing.TB, role, dir string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), err: &strings.Builder{}}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+role+"|"+dir)
	p.cmd.Stderr = p.err
	in, err := p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.in, p.out = in, bufio.NewScanner(out)
	must(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// line returns the next line that the process prints.
func (p *process) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.cmd.Wait()
		p.t.Fatalf("the second process ended early: %s", p.err)
	}
	return p.out.Text()
}

func (p *process) say(line string) { fmt.Fprintln(p.in, line) }

// done waits for the process to end, and fails the test if it failed.
func (p *process) done() {
	p.t.Helper()
	for p.out.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the second process failed: %v: %s", err, p.err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// missing skips the test, or fails it if SESSIONS_TEST_REQUIRE is set.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
		t.Fatal("required: " + what)
	}
	t.Skip(what)
}

// opened returns a store in dir that does not sweep in the background.
func opened(t testing.TB, dir string) *store {
	t.Helper()
	s, err := openIn(dir, Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func openIn(dir string, o Options) (*store, error) {
	s, err := New(o).Open(background, driver.Config{DataDir: dir, SweepInterval: -1})
	if err != nil {
		return nil, err
	}
	return s.(*store), nil
}

func deadline(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(background, d)
}
