package walkthrough

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// shell runs commands in separate processes that hand on their directory and
// variables.
type shell struct {
	t     *testing.T
	state string // a directory with the shell's own files
	env   []string
}

func newShell(t *testing.T, dir string, env []string) *shell {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh on this machine")
	}
	s := &shell{t: t, state: t.TempDir(), env: append(os.Environ(), env...)}
	s.write("dir", dir)
	s.write("variables", "")
	s.write(".curlrc", "no-progress-meter\n") // a terminal shows none
	s.env = append(s.env, "CURL_HOME="+s.state, "GOWORK=off")
	return s
}

func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.state, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// dir returns the directory that the shell is in.
func (s *shell) dir() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.state, "dir"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// command returns a command that has not been started yet.
func (s *shell) command(ctx context.Context, line string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(ctx, "sh", "-c", `set -a
. "$STATE/variables"
`+line+`
status=$?
export -p >"$STATE/variables"
pwd >"$STATE/dir"
exit $status`)
	cmd.Dir = s.dir()
	cmd.Env = append(s.env, "STATE="+s.state)
	cmd.WaitDelay = time.Second
	return cmd
}

func (s *shell) run(line string) (string, error) {
	s.t.Helper()
	out, err := s.command(s.t.Context(), line).CombinedOutput()
	return string(out), err
}

// server is a program that a page started with "go run .".
type server struct {
	cmd  *exec.Cmd
	out  buffer
	done chan struct{} // closed when it has ended
}

// buffer is a program's terminal.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start does what "go run ." does, and waits until the program listens or ends. The
// program is built and then run, so that an interrupt goes to it alone.
func (w *Walk) start(s step) {
	w.T.Helper()
	if w.server != nil {
		w.T.Fatalf("line %d: the program that was started before still runs, and has the port", s.line)
	}
	program := filepath.Join(w.shell.state, "program")
	args := strings.TrimPrefix(s.command, "go run .")
	if out, err := w.Command("go build -o '" + program + "' ."); err != nil {
		if difference := compare(out, s.shown); difference != "" {
			w.T.Fatalf("line %d: %s: %v\n%s", s.line, s.command, err, out)
		}
		return
	}
	run := &server{done: make(chan struct{})}
	run.cmd = w.shell.command(context.Background(), "exec '"+program+"'"+args)
	run.cmd.Stdout, run.cmd.Stderr = &run.out, &run.out
	if err := run.cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	go func() {
		_ = run.cmd.Wait() // how it ended is in its output
		close(run.done)
	}()
	w.server = run
	ended := false
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-run.done:
			ended, w.server = true, nil
		default:
		}
		if ended || w.address != "" && listens(w.address) {
			break
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("line %d: the program does not listen on %s\n%s", s.line, w.address, run.out.String())
		}
	}
	out := run.out.String()
	if ended && run.cmd.ProcessState.ExitCode() > 0 {
		out += "exit status " + strings.TrimPrefix(run.cmd.ProcessState.String(), "exit status ") + "\n" // go run's
	}
	if ended && s.shown == "" {
		w.T.Fatalf("line %d: the program ended: %s", s.line, out)
	}
	if s.shown == "" {
		return // it may log
	}
	if difference := compare(out, s.shown); difference != "" {
		w.T.Fatalf("line %d: %s: %s. It printed\n%s", s.line, s.command, difference, out)
	}
}

func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// interrupt stops the server, if one runs.
func (w *Walk) interrupt() {
	if w.server == nil {
		return
	}
	s := w.server
	w.server = nil
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = s.cmd.Process.Kill() // Windows has no such signal
	}
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		w.T.Errorf("the program does not end at an interrupt\n%s", s.out.String())
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// serverOutput returns what the server has printed, for a failure's message.
func (w *Walk) serverOutput() string {
	if w.server == nil {
		return ""
	}
	return "\nThe server printed\n" + w.server.out.String()
}
