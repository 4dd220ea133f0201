//go:build unix

package memcached_test

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/site"
)

// hang suspends the server and returns when it no longer answers.
func (i *instance) hang() {
	i.t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		i.t.Fatal(err)
	}
	for {
		c, err := net.Dial("tcp", i.addr())
		if err != nil {
			i.t.Fatal(err)
		}
		_, err = io.WriteString(c, "version\r\n")
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
			_, err = c.Read(make([]byte, 1))
		}
		c.Close()
		if err != nil {
			return
		}
	}
}

func (i *instance) wake() {
	i.t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		i.t.Fatal(err)
	}
}

func TestHungServerAffectsOnlyItsSessions(t *testing.T) {
	servers, url := pair(t)
	shop := site.New(site.Manager(t, sessions.Options{URL: url + "?timeout=500ms"}))
	at := users(t, shop, 3, servers)
	servers[0].hang()
	for _, b := range at[0] {
		began := time.Now()
		if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable {
			t.Errorf("a session of the hung server: %d %q", code, page)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the error page took %v, with a timeout of 500 ms", took)
		}
	}
	for _, b := range at[1] {
		b.Wants(t, "/visit", "2 ")
	}
	servers[0].wake()
	for _, b := range at[0] {
		b.Wants(t, "/visit", "2 ") // the failed request was not counted
	}
}

// StoreTimeout applies if the client's own timeout is longer.
func TestStoreTimeoutWithHungServer(t *testing.T) {
	server := start(t)
	shop := site.New(site.Manager(t, sessions.Options{URL: "memcached://" + server.addr() + "?timeout=3s", StoreTimeout: 200 * time.Millisecond}))
	b := &site.Browser{Site: shop}
	b.Wants(t, "/visit", "1 ")
	server.hang()
	began := time.Now()
	if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable {
		t.Errorf("got %d %q", code, page)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the error page took %v, with a StoreTimeout of 200 ms", took)
	}
	server.wake()
	b.Wants(t, "/visit", "2 ")
}
