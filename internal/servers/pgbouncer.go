//go:build unix

package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// PgBouncer returns a connection pooler in front of Postgres, shared by the test program:
// each transaction may use a different server connection.
func PgBouncer(t testing.TB) *Server {
	t.Helper()
	upstream := Postgres(t)
	s, err := sharedPgBouncer(upstream.Addr)
	check(t, err)
	return s
}

var (
	pgBouncerOnce sync.Once
	pgBouncer     *Server
	errPgBouncer  error
)

func sharedPgBouncer(upstream string) (*Server, error) {
	pgBouncerOnce.Do(func() { pgBouncer, errPgBouncer = startPgBouncer(upstream) })
	return pgBouncer, errPgBouncer
}

func startPgBouncer(upstream string) (*Server, error) {
	program, err := find("pgbouncer", "/usr/sbin/pgbouncer")
	if err != nil {
		return nil, missing("PgBouncer")
	}
	dir, as, err := directory("pgbouncer", "postgres")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	host, upstreamPort, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=%s port=%s user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 500
`, host, upstreamPort, port), 0o644); err != nil {
		return nil, err
	}
	return launch(&Server{
		Addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		dir:      dir,
		command:  func() *exec.Cmd { return command(as, dir, program, config) },
		ready:    postgresReady,
		graceful: syscall.SIGINT,
	})
}
