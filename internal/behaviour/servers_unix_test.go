//go:build unix

package behaviour

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/memcached"
)

func init() {
	stores = append(stores,
		store{name: "postgres", server: func(t testing.TB) driver.Driver {
			return table("postgresql://postgres@" + servers.Postgres(t).Addr + "/postgres?sslmode=disable&")
		}, cannot: noFiles},
		store{name: "mariadb", server: func(t testing.TB) driver.Driver {
			return table("mysql://root@" + servers.MariaDB(t).Addr + "/test?")
		}, cannot: noFiles},
		store{name: "memcached", server: func(t testing.TB) driver.Driver {
			addr := memcachedOfItsOwn(t)
			return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
				cfg.URL = addr
				return memcached.New(nil, memcached.Options{}).Open(ctx, cfg)
			})
		}, cannot: map[ability]string{disk: "it has no files", list: "memcached names no keys"}},
		store{name: "google", server: func(t testing.TB) driver.Driver {
			url := fmt.Sprintf("google://test-project?emulator=%s&kind=S%d_%d", servers.Datastore(t).Addr, os.Getpid(), tables.Add(1))
			return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
				cfg.URL = url
				return google.New(nil, google.Options{}).Open(ctx, cfg)
			})
		}, cannot: noFiles},
	)
}

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

var tables atomic.Int64

// table gives each app a table of its own.
func table(url string) driver.Driver {
	url += fmt.Sprintf("table=t%d_%d", os.Getpid(), tables.Add(1))
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		cfg.URL = url
		return database.FromURL(database.Options{}).Open(ctx, cfg)
	})
}

// memcachedOfItsOwn starts a memcached for one app, since none can be emptied
// without a trace.
func memcachedOfItsOwn(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("memcached")
	if err != nil {
		if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
			t.Fatal("memcached is not installed, and SESSIONS_TEST_REQUIRE is 1")
		}
		t.Skip("memcached is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	args := []string{"-l", "127.0.0.1", "-p", strconv.Itoa(addr.Port), "-U", "0", "-t", "1"}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if c, err := net.Dial("tcp", addr.String()); err == nil {
			c.Close()
			return addr.String()
		} else if time.Since(began) > 20*time.Second {
			t.Fatal(err)
		}
	}
}
