//go:build unix

package servers

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
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
		ready:    answers("version", "VERSION "),
		graceful: os.Kill, // SIGTERM takes it up to a second, and there is no data to keep
	})
}
