//go:build unix

package google_test

import (
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
)

// hang suspends the server, and returns when it no longer answers.
func hang(t *testing.T, server *servers.Server) {
	t.Helper()
	if err := syscall.Kill(server.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("tcp", server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(100 * time.Millisecond))
			_, err = c.Read(make([]byte, 1))
		}
		c.Close()
		if err != nil {
			return
		}
	}
}

func wake(t *testing.T, server *servers.Server) {
	t.Helper()
	if err := syscall.Kill(server.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// eventually repeats the request until its status is 200.
func eventually(t *testing.T, b *site.Browser, path string) string {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		code, page := b.Get(path)
		if code == 200 {
			return page
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("got %d %q, long after the outage", code, page)
		}
	}
}

// While the server hangs or is down, requests get the error page in bounded time and
// keep their cookies. Afterwards the store recovers by itself.
func TestOutages(t *testing.T) {
	for _, e := range emulators {
		t.Run(e.name, func(t *testing.T) {
			server := e.own(t)
			shop := site.New(manager(t, sessions.Options{URL: urlOf(server, ""), StoreTimeout: 300 * time.Millisecond}))
			b := &site.Browser{Site: shop}
			eventually(t, b, "/visit") // the first calls to an emulator are slow
			fails := func(what string, b *site.Browser) {
				t.Helper()
				cookie, began := b.Cookie, time.Now()
				if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable {
					t.Errorf("%s: got %d %q", what, code, page)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s: the error page took %v", what, took)
				}
				if b.Cookie != cookie {
					t.Errorf("%s: the cookie changed", what)
				}
			}
			hang(t, server)
			for range 3 {
				fails("the server hangs", b)
			}
			wake(t, server)
			if page := eventually(t, b, "/visit"); page != "2 " {
				t.Errorf("after it hung: %q", page) // the failed requests were not counted
			}
			server.Kill()
			for range 3 {
				fails("the server is killed", b)
			}
			fails("the server is killed", &site.Browser{Site: shop})
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			if page := eventually(t, b, "/visit"); page != "1 " {
				t.Errorf("after a restart, which empties the emulator: %q", page)
			}
			eventually(t, b, "/visit")
		})
	}
}

func TestRestartUnderLoad(t *testing.T) {
	for _, e := range emulators {
		t.Run(e.name, func(t *testing.T) {
			server := e.own(t)
			shop := site.New(manager(t, sessions.Options{URL: urlOf(server, ""), StoreTimeout: time.Second}))
			site.ServesThroughRestarts(t, shop, 4, 2, 50, func(int) {
				server.Kill()
				if err := server.Start(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestServerStartsAfterTheProgram(t *testing.T) {
	server := servers.OwnDatastore(t)
	server.Kill()
	shop := site.New(manager(t, sessions.Options{URL: urlOf(server, ""), StoreTimeout: 500 * time.Millisecond}))
	b := &site.Browser{Site: shop}
	if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable || b.Cookie != "" {
		t.Errorf("with the server down: %d %q, cookie %q", code, page, b.Cookie)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, b, "/visit")
	eventually(t, b, "/visit")
}
