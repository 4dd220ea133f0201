package memcached_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// instance is a memcached server of the test's own, on a free port of the loopback
// interface.
type instance struct {
	t    testing.TB
	args []string
	port string
	cmd  *exec.Cmd
}

// installed skips the test if memcached is not installed, or fails it if
// SESSIONS_TEST_REQUIRE is 1.
func installed(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("memcached"); err == nil {
		return
	}
	if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
		t.Fatal("memcached is not installed, and SESSIONS_TEST_REQUIRE is 1")
	}
	t.Skip("memcached is not installed")
}

// start starts a memcached with further arguments.
func start(t testing.TB, args ...string) *instance {
	t.Helper()
	installed(t)
	i := &instance{t: t, args: args}
	i.run("-1")
	t.Cleanup(i.kill)
	return i
}

// run starts the program and waits until it listens and has written its port.
func (i *instance) run(port string) {
	i.t.Helper()
	dir, err := os.MkdirTemp("", "memcached-") // not t.TempDir, since memcached drops root's privileges before it writes
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	portFile := filepath.Join(dir, "port")
	args := append([]string{"-l", "127.0.0.1", "-p", port, "-U", "0"}, i.args...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	i.cmd = exec.Command("memcached", args...)
	i.cmd.Env = append(os.Environ(), "MEMCACHED_PORT_FILENAME="+portFile)
	var stderr strings.Builder // read only after the program has ended
	i.cmd.Stderr = &stderr
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(portFile)
		if err == nil {
			_, i.port, _ = strings.Cut(strings.TrimSpace(string(b)), "TCP INET: ")
			return
		}
		if time.Since(began) > 20*time.Second {
			i.kill()
			i.t.Fatalf("memcached %v does not listen: %v\n%s", args, err, &stderr)
		}
	}
}

func (i *instance) addr() string { return net.JoinHostPort("127.0.0.1", i.port) }

// kill kills the server with SIGKILL.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill()
	_ = i.cmd.Wait()
}

// restart starts the server at the same address, without items.
func (i *instance) restart() {
	i.t.Helper()
	i.run(i.port)
}

// ask sends a command of the text protocol and returns the first line of the answer.
func (i *instance) ask(format string, args ...any) string {
	i.t.Helper()
	c, err := net.Dial("tcp", i.addr())
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, fmt.Sprintf(format, args...)+"\r\n"); err != nil {
		i.t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		i.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// stat returns one of the server's counters.
func (i *instance) stat(name string) (n int) {
	i.t.Helper()
	c, err := net.Dial("tcp", i.addr())
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "stats\r\n"); err != nil {
		i.t.Fatal(err)
	}
	for in := bufio.NewScanner(c); in.Scan() && in.Text() != "END"; {
		if v, ok := strings.CutPrefix(in.Text(), "STAT "+name+" "); ok {
			if _, err := fmt.Sscan(v, &n); err != nil {
				i.t.Fatal(err)
			}
			return n
		}
	}
	i.t.Fatalf("no counter %s", name)
	return 0
}
