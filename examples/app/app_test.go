package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

const secret = "a secret for tests, 32 bytes or more"

// shop is the app, served.
type shop struct {
	*httptest.Server
	*app
}

// start serves the app with the settings of these flags.
func start(t *testing.T, flags ...string) shop {
	t.Helper()
	noEnv := func(string) (string, bool) { return "", false }
	set, err := parseFlags(flags, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	m, err := sessions.New(t.Context(), set.options(log))
	if err != nil {
		t.Fatal(err)
	}
	a := &app{sessions: m, store: set.storeName(), timeout: set.timeout, lifetime: set.lifetime, log: log}
	server := httptest.NewServer(a.handler())
	t.Cleanup(func() {
		server.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return shop{server, a}
}

// browser is a client with its own cookie jar that follows redirects.
type browser struct {
	t     *testing.T
	base  string
	agent string
	http.Client
}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	safari  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

func newBrowser(t *testing.T, base, agent string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, base, agent, http.Client{Jar: jar}}
}

// do sends the request, follows redirects, and returns the final status and page.
func (b *browser) do(method, path string, form url.Values, header ...string) (status int, page string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("User-Agent", b.agent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// get and post fail the test unless the status is 200.
func (b *browser) get(path string) string {
	b.t.Helper()
	status, page := b.do(http.MethodGet, path, nil)
	if status != http.StatusOK {
		b.t.Fatalf("GET %s: %d\n%s", path, status, page)
	}
	return page
}

func (b *browser) post(path string, pairs ...string) string {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	status, page := b.do(http.MethodPost, path, form)
	if status != http.StatusOK {
		b.t.Fatalf("POST %s: %d\n%s", path, status, page)
	}
	return page
}

// token returns the value of the browser's session cookie, or "".
func (b *browser) token() string {
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

func expect(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("page lacks %q:\n%s", text, page)
		}
	}
}

func expectNot(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("page has %q:\n%s", text, page)
		}
	}
}
