//go:build unix

package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// OwnMemcached returns a memcached for this test only, since a used one cannot be reset
// completely.
func OwnMemcached(t testing.TB) *Server {
	t.Helper()
	s, err := StartMemcached()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartMemcached starts a memcached with 64 MB, which StopAll stops. It loses its data
// when it stops.
func StartMemcached() (*Server, error) {
	program, err := find("memcached", "/usr/bin/memcached", "/usr/sbin/memcached")
	if err != nil {
		return nil, missing("memcached")
	}
	dir, as, err := directory("memcached", "nobody")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return launch(&Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		dir:  dir,
		command: func() *exec.Cmd {
			return command(as, dir, program, "-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0", "-m", "64")
		},
		ready:    memcachedReady,
		graceful: os.Kill, // SIGTERM takes it up to a second, and there is no data to keep
	})
}

func memcachedReady(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("version\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "VERSION ") {
		return fmt.Errorf("the response is %q", line)
	}
	return nil
}
