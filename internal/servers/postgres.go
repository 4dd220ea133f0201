//go:build unix

package servers

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Postgres returns a PostgreSQL server shared by the test program: user and database
// "postgres", no password.
func Postgres(t testing.TB) *Server {
	t.Helper()
	s, err := sharedPostgres()
	check(t, err)
	return s
}

var sharedPostgres = sync.OnceValues(StartPostgres)

// OwnPostgres returns a PostgreSQL server for this test only, which may stop it.
func OwnPostgres(t testing.TB) *Server {
	t.Helper()
	s, err := StartPostgres()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartPostgres starts a PostgreSQL server, which StopAll stops.
func StartPostgres() (*Server, error) {
	initdb, err := find("initdb", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, missing("PostgreSQL (initdb)")
	}
	dir, as, err := directory("postgres", "postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := run(command(as, dir, initdb, "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")); err != nil {
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
			return command(as, dir, filepath.Join(filepath.Dir(initdb), "postgres"),
				"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-c", "max_connections=200")
		},
		ready:    postgresReady,
		graceful: syscall.SIGINT, // "fast": ends sessions rather than waiting for them
	})
}

// postgresReady sends an SSLRequest, which a server answers with a byte, and then a
// startup packet, which a server rejects while it is starting.
func postgresReady(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	const params = "user\x00postgres\x00database\x00postgres\x00\x00"
	if _, err := c.Write(append([]byte{0, 0, 0, byte(8 + len(params)), 0, 3, 0, 0}, params...)); err != nil {
		return err
	}
	var b [1]byte
	if _, err := c.Read(b[:]); err != nil {
		return err
	}
	if b[0] != 'R' { // AuthenticationOk
		return fmt.Errorf("the response is %q", b)
	}
	return nil
}
