// Package judges runs what gorillasessions is measured by: the tests of libraries that
// demand a Store of gorilla/sessions, and programs that use them. Each is run over
// memory, database (SQLite) and cookie. It is a module of its own, and not published.
package judges

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
	_ "github.com/pump-go/sessions/database"
	_ "github.com/pump-go/sessions/database/puresqlite"
	_ "github.com/pump-go/sessions/memory"
)

// Stores are the names of the stores.
var Stores = []string{"memory", "database", "cookie"}

// Open returns a manager on the store of that name, which keeps its files in dir.
func Open(store, dir string) (*sessions.Manager, error) {
	o := sessions.Options{Store: store, Cookie: sessions.Cookie{Secret: []byte("0123456789abcdef0123456789abcdef")}}
	if store == "database" {
		o.URL = "sqlite:///" + filepath.Join(dir, "sessions.db")
	}
	return sessions.New(context.Background(), o)
}

// Each runs a test on each store.
func Each(t *testing.T, test func(t *testing.T, m *sessions.Manager)) {
	for _, store := range Stores {
		t.Run(store, func(t *testing.T) {
			m, err := Open(store, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Close() })
			test(t, m)
		})
	}
}

// EachMount runs a test on each store, with a program inside Wrap and without it.
func EachMount(t *testing.T, test func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler)) {
	Each(t, func(t *testing.T, m *sessions.Manager) {
		t.Run("wrapped", func(t *testing.T) { test(t, m, m.Wrap) })
		t.Run("bare", func(t *testing.T) { test(t, m, func(h http.Handler) http.Handler { return h }) })
	})
}

// Browser is a client with cookies of a program that serves h. It follows no
// redirects.
type Browser struct {
	t      testing.TB
	server *httptest.Server
	client *http.Client
}

// NewBrowser starts a server for h, and returns a client of it.
func NewBrowser(t testing.TB, h http.Handler) *Browser {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return (&Browser{t: t, server: server}).Another()
}

// Another returns another client of the same server, without cookies.
func (b *Browser) Another() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return &Browser{b.t, b.server, &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Copy returns another client of the same server, with the same cookies.
func (b *Browser) Copy() *Browser {
	c := b.Another()
	c.client.Jar.SetCookies(b.url(), b.Cookies())
	return c
}

// Cookies returns the cookies that the client has.
func (b *Browser) Cookies() []*http.Cookie { return b.client.Jar.Cookies(b.url()) }

func (b *Browser) url() *url.URL {
	u, err := url.Parse(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// Get requests the path, and returns the response with its body read.
func (b *Browser) Get(path string) (*http.Response, string) {
	b.t.Helper()
	resp, err := b.client.Get(b.server.URL + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

// Body requests the path, and returns the body of a response with status 200.
func (b *Browser) Body(path string) string {
	b.t.Helper()
	resp, body := b.Get(path)
	if resp.StatusCode != http.StatusOK {
		b.t.Errorf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body
}
