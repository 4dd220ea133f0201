//go:build unix

package servers

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// MariaDB returns a MariaDB server shared by the test program: user "root", no
// password, database "test".
func MariaDB(t testing.TB) *Server {
	t.Helper()
	s, err := sharedMariaDB()
	check(t, err)
	return s
}

var sharedMariaDB = sync.OnceValues(StartMariaDB)

// OwnMariaDB returns a MariaDB server for this test only, which may stop it.
func OwnMariaDB(t testing.TB) *Server {
	t.Helper()
	s, err := StartMariaDB()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartMariaDB starts a MariaDB server, which StopAll stops.
func StartMariaDB() (*Server, error) {
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, missing("MariaDB (mariadb-install-db)")
	}
	program, err := find("mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, missing("MariaDB (mariadbd)")
	}
	dir, as, err := directory("mariadb", "mysql")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := run(command(as, dir, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal")); err != nil {
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
			return command(as, dir, program, "--no-defaults", "--datadir="+data, "--bind-address=127.0.0.1",
				"--port="+strconv.Itoa(port), "--socket="+filepath.Join(dir, "sock"), "--pid-file="+filepath.Join(dir, "pid"),
				"--skip-name-resolve", "--max-connections=300", "--innodb-buffer-pool-size=64M")
		},
		ready:    mariadbReady,
		graceful: syscall.SIGTERM,
	})
}

// mariadbReady reads the greeting, whose fifth byte is the protocol version.
func mariadbReady(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	var b [5]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return err
	}
	if b[4] != 10 {
		return fmt.Errorf("the greeting begins with %q", b)
	}
	return nil
}
