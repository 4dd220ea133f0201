package memcached_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/memcached"
)

// Tests of the store through the manager, over HTTP.

func TestSessionsOverTwoServers(t *testing.T) {
	url := "memcached://" + start(t).addr() + ";" + start(t).addr()
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	for i := range 50 {
		b := &site.Browser{Site: shop}
		b.Wants(t, "/visit", "1 ")
		b.Wants(t, "/visit", "2 ")
		old := *b
		b.Wants(t, fmt.Sprintf("/as?%d", i), fmt.Sprintf("2 %d", i))
		old.Wants(t, "/", "0 ")
		b.Wants(t, "/", fmt.Sprintf("2 %d", i))
		gone := *b
		b.Wants(t, "/out", "0 ")
		gone.Wants(t, "/", "0 ")
	}
}

// The socket is a proxy for a server on TCP.
func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "m") // short, since the length of a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip("no Unix sockets: ", err)
	}
	defer l.Close()
	server := start(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", server.addr())
			if err != nil {
				c.Close()
				return
			}
			go func() { _, _ = io.Copy(back, c); back.Close() }()
			go func() { _, _ = io.Copy(c, back); c.Close() }()
		}
	}()
	m := site.Manager(t, sessions.Options{Store: "memcached", URL: "unix:" + filepath.ToSlash(l.Addr().String())})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	b.Wants(t, "/visit", "2 ")
	if server.stat("curr_items") != 1 {
		t.Error("the session is not on the server")
	}
}

func TestItemKeyIsNamespaceAndID(t *testing.T) {
	server := start(t)
	m := site.Manager(t, sessions.Options{URL: "memcached://" + server.addr(), Namespace: "shop-1"})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	s, err := m.Load(t.Context(), b.Token())
	if err != nil {
		t.Fatal(err)
	}
	if answer := server.ask("get shop-1:%s", s.ID()); !strings.HasPrefix(answer, "VALUE ") {
		t.Errorf("got %q from the server", answer)
	}
	// A foreign item with the session's key is a damaged session: its user gets a new one.
	if answer := server.ask("set shop-1:%s 0 0 5\r\nhello", s.ID()); answer != "STORED" {
		t.Errorf("got %q from the server", answer)
	}
	b.Wants(t, "/visit", "1 ")
	b.Wants(t, "/visit", "2 ")
}

func TestListingIsUnsupported(t *testing.T) {
	m := site.Manager(t, sessions.Options{URL: "memcached://" + start(t).addr()})
	for _, err := range m.All(t.Context()) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("All: got error %v", err)
		}
	}
	for _, err := range m.Owned(t.Context(), "ann") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Owned: got error %v", err)
		}
	}
	if _, err := m.DestroyOwned(t.Context(), "ann"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("DestroyOwned: got error %v", err)
	}
}

func TestOwnClient(t *testing.T) {
	servers := start(t).addr() + ";" + start(t).addr()
	client, err := clientOf(servers)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m := site.Manager(t, sessions.Options{Driver: memcached.New(client, memcached.Options{})})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := client.Ping(); err != nil {
		t.Errorf("after the manager's Close: %v", err)
	}
	// The registered driver finds the same sessions.
	b.Site = site.New(site.Manager(t, sessions.Options{URL: "memcached://" + servers}))
	b.Wants(t, "/visit", "2 ")

	_, err = sessions.New(t.Context(), sessions.Options{URL: "memcached://a", Driver: memcached.New(client, memcached.Options{})})
	if err == nil || !strings.Contains(err.Error(), "a client was given") {
		t.Errorf("a client and a URL: %v", err)
	}
	_, err = sessions.New(t.Context(), sessions.Options{Driver: memcached.New(client, memcached.Options{MaxItemSize: 1})})
	if err == nil || !strings.Contains(err.Error(), "MaxItemSize") {
		t.Errorf("an item size of 1: %v", err)
	}
}

// twoServers starts two servers and returns their URL.
func twoServers(t *testing.T) string {
	return "memcached://" + start(t).addr() + ";" + start(t).addr()
}

func TestContendedCountersAreExact(t *testing.T) {
	url := twoServers(t)
	one, two := site.Manager(t, sessions.Options{URL: url}), site.Manager(t, sessions.Options{URL: url})
	site.CountsExactly(t, []http.Handler{site.New(one), site.New(two)}, 8, 25)
}

func TestTwoProcessesCountExactly(t *testing.T) {
	open := func(url string) *sessions.Manager { return site.Manager(t, sessions.Options{URL: url}) }
	if site.IsSecondProcess(t, open) {
		return
	}
	site.CountsInTwoProcesses(t, "TestTwoProcessesCountExactly", twoServers(t), open, 100)
}

func TestSigningOutWinsEveryRace(t *testing.T) {
	o := sessions.Options{URL: twoServers(t), IdleTimeout: time.Second}
	site.SigningOutWins(t, site.New(site.Manager(t, o)), site.New(site.Manager(t, o)), 100, 6, 4)
}
