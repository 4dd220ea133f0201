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

// instance is a memcached of the test's own, on a free port of the loopback.
type instance struct {
	t    testing.TB
	args []string
	port string
	cmd  *exec.Cmd
}

// installed skips the test where there is no memcached, or fails it where
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

// run starts the program and waits until it has told its port, which it does
// when it listens.
func (i *instance) run(port string) {
	i.t.Helper()
	dir, err := os.MkdirTemp("", "memcached-") // not TempDir's: it gives up root's rights first
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	told := filepath.Join(dir, "port")
	args := append([]string{"-l", "127.0.0.1", "-p", port, "-U", "0"}, i.args...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	i.cmd = exec.Command("memcached", args...)
	i.cmd.Env = append(os.Environ(), "MEMCACHED_PORT_FILENAME="+told)
	var faults strings.Builder // read if it does not come up, when it has ended
	i.cmd.Stderr = &faults
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(told)
		if err == nil {
			_, i.port, _ = strings.Cut(strings.TrimSpace(string(b)), "TCP INET: ")
			return
		}
		if time.Since(began) > 20*time.Second {
			i.kill()
			i.t.Fatalf("memcached %v does not begin to listen: %v\n%s", args, err, &faults)
		}
	}
}

func (i *instance) addr() string { return net.JoinHostPort("127.0.0.1", i.port) }

// kill ends it as kill -9 does.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill()
	_ = i.cmd.Wait()
}

// restart begins anew at the same address, with nothing in memory.
func (i *instance) restart() {
	i.t.Helper()
	i.run(i.port)
}

// ask sends a command in the protocol's own words and returns the first line
// of the answer.
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
