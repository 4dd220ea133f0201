//go:build unix

// Package servers starts private database servers for tests, on free loopback
// ports, with their data in a temporary directory.
//
// A test whose server's program is not installed is skipped by name, or fails
// if SESSIONS_TEST_REQUIRE is 1.
package servers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a server process.
type Server struct {
	Addr string // host:port
	// command returns a new command for each start.
	command func() *exec.Cmd
	// ready returns nil when the server answers.
	ready func(addr string) error
	dir   string
	// graceful is the signal for a graceful shutdown.
	graceful os.Signal

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	log    *bytes.Buffer
}

// startTimeout is long, since the machine may be busy.
const startTimeout = 90 * time.Second

// Start runs the server and returns when it answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return errors.New("the server is already running")
	}
	cmd := s.command()
	s.log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.cmd, s.exited = cmd, exited
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-exited:
			s.cmd = nil
			return fmt.Errorf("%s ended at once:\n%s", cmd.Path, s.log)
		default:
		}
		err := s.ready(s.Addr)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w", cmd.Path, err)
		}
	}
}

// Stop ends the server and waits for it. Stopping one that does not run does nothing.
func (s *Server) Stop() { s.end(s.graceful) }

// Kill ends the server with SIGKILL.
func (s *Server) Kill() { s.end(os.Kill) }

func (s *Server) end(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
}

// Pid returns the server's process ID.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// remove stops the server and removes its data.
func (s *Server) remove() {
	s.Stop()
	_ = os.RemoveAll(s.dir)
}

var (
	startedMu sync.Mutex
	started   []*Server
)

// StopAll stops every server and removes its data; for TestMain.
func StopAll() {
	startedMu.Lock()
	defer startedMu.Unlock()
	for _, s := range started {
		s.remove()
	}
	started = nil
}

// launch starts the server, which StopAll stops.
func launch(s *Server) (*Server, error) {
	if err := s.Start(); err != nil {
		s.remove()
		return nil, err
	}
	startedMu.Lock()
	defer startedMu.Unlock()
	started = append(started, s)
	return s, nil
}

// missing is the error for a program that is not installed.
type missing string

func (m missing) Error() string { return string(m) + " is not installed" }

// Missing reports whether a Start function failed because a program is not installed.
func Missing(err error) bool {
	var m missing
	return errors.As(err, &m)
}

// MaySkip reports whether a Start function failed because a program is not installed,
// and tests that need it may be skipped: all may, unless SESSIONS_TEST_REQUIRE is 1,
// and those of Google's emulators also if SESSIONS_TEST_GOOGLE is skip.
func MaySkip(err error) bool {
	if errors.Is(err, errEmulator) && os.Getenv("SESSIONS_TEST_GOOGLE") == "skip" {
		return true
	}
	return Missing(err) && os.Getenv("SESSIONS_TEST_REQUIRE") != "1"
}

// check skips the test if a program is missing, and fails it for other errors.
func check(t testing.TB, err error) {
	t.Helper()
	if MaySkip(err) {
		t.Skip(err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// find returns the path of a program: the last match of a pattern, or from PATH.
func find(program string, patterns ...string) (string, error) {
	for _, p := range patterns {
		if found, err := filepath.Glob(p); err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return "", missing(program)
}

// freePort returns a port on which nothing is listening.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// directory creates a directory for a server. If this process runs as root, the
// directory belongs to the named user, whose credential is returned.
func directory(kind, name string) (dir string, as *syscall.Credential, err error) {
	dir, err = os.MkdirTemp("", "sessions-"+kind+"-")
	if err != nil || os.Getuid() != 0 {
		return dir, nil, err
	}
	u, err := user.Lookup(name)
	if err != nil {
		return "", nil, errors.Join(missing("the user "+name), os.RemoveAll(dir))
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// command returns a command that runs as the user in the directory. It inherits no
// environment variable that could select another server.
func command(as *syscall.Credential, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	endWithParent(cmd.SysProcAttr)
	return cmd
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
	}
	return nil
}

// Pids returns the IDs of the server's process and, on Linux, of its descendants.
func (s *Server) Pids() []int {
	pids := []int{s.Pid()}
	for i := 0; i < len(pids); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, list := range lists {
			children, _ := os.ReadFile(list) // gone with its thread, it has none
			for child := range bytes.FieldsSeq(children) {
				if pid, err := strconv.Atoi(string(child)); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}
