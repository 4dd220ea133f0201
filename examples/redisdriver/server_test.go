package redisdriver_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a Redis of the test's own, on a free port of the loopback, with its
// data in a directory of the test's own.
type server struct {
	t    testing.TB
	addr string
	args []string
	cmd  *exec.Cmd
}

// installed skips the test where Redis is not installed, or fails it where
// SESSIONS_TEST_REQUIRE is 1.
func installed(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
		t.Fatal("redis-server is not installed, and SESSIONS_TEST_REQUIRE is 1")
	}
	t.Skip("redis-server is not installed")
}

// startRedis starts one, with further arguments.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	installed(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free, most likely a moment later too
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(s.addr)
	l.Close()
	s.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", ""}, args...)
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start returns when the server answers.
func (s *server) start() {
	s.t.Helper()
	var out strings.Builder // read when the program has ended
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout = &out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); !s.answers(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			s.kill()
			s.t.Fatalf("redis-server %q does not answer:\n%s", s.args, &out)
		}
	}
}

// answers tells whether the server is up and has its data loaded.
func (s *server) answers() bool {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, err = io.WriteString(c, "PING\r\n")
	answer := make([]byte, len("+PONG"))
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	return err == nil && string(answer) == "+PONG"
}

// kill ends it as kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) url() string { return "redis://" + s.addr }

// client returns a raw client, which sees what the store keeps.
func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1, DialerRetries: 1})
}
