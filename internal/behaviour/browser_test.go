package behaviour

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// TestNewAcceptsWhatABrowserKeeps sets cookies in a real browser and visits a page in
// the scope of each. The browser must send exactly those cookies that New accepts.
func TestNewAcceptsWhatABrowserKeeps(t *testing.T) {
	cases := []struct {
		cookie sessions.Cookie
		host   string // the default is app.example.org
		path   string // of the page, as typed by a user; the default is "/"
	}{
		{cookie: sessions.Cookie{Name: "plain"}},
		{cookie: sessions.Cookie{Name: "__Secure-a", Secure: true}},
		{cookie: sessions.Cookie{Name: "__secure-b"}},
		{cookie: sessions.Cookie{Name: "__Host-a", Secure: true}},
		{cookie: sessions.Cookie{Name: "__host-b"}},
		{cookie: sessions.Cookie{Name: "__Host-c", Secure: true, Path: "/c"}, path: "/c"},
		{cookie: sessions.Cookie{Name: "__Host-d", Secure: true, Domain: "example.org"}},
		{cookie: sessions.Cookie{Name: "__Http-a", Secure: true}},
		{cookie: sessions.Cookie{Name: "__Http-b", Secure: true, Domain: "example.org", Path: "/b"}, path: "/b"},
		{cookie: sessions.Cookie{Name: "__http-c"}},
		{cookie: sessions.Cookie{Name: "__Http-d", Secure: true, DisableHttpOnly: true}},
		{cookie: sessions.Cookie{Name: "__Host-Http-a", Secure: true}},
		{cookie: sessions.Cookie{Name: "__Host-Http-b"}},
		{cookie: sessions.Cookie{Name: "__HOST-http-c", Secure: true, DisableHttpOnly: true}},
		{cookie: sessions.Cookie{Name: "__Host-Http-d", Secure: true, Domain: "example.org"}},
		{cookie: sessions.Cookie{Name: "__Host-Http-e", Secure: true, Path: "/e"}, path: "/e"},
		{cookie: sessions.Cookie{Name: "domain", Domain: "example.org"}},
		{cookie: sessions.Cookie{Name: "domain-dot-first", Domain: ".example.org"}},
		{cookie: sessions.Cookie{Name: "domain-dot-last", Domain: "example.org."}},
		{cookie: sessions.Cookie{Name: "domain-top-level", Domain: "org"}},
		{cookie: sessions.Cookie{Name: "domain-localhost", Domain: "localhost"}, host: "localhost"},
		{cookie: sessions.Cookie{Name: "domain-ipv4", Domain: "127.0.0.1"}, host: "127.0.0.1"},
		{cookie: sessions.Cookie{Name: "path", Path: "/a"}, path: "/a/b"},
		{cookie: sessions.Cookie{Name: "path-escaped", Path: "/a%20b"}, path: "/a b"},
		{cookie: sessions.Cookie{Name: "path-marks", Path: "/-._~!$&'()*+,=:@"}, path: "/-._~!$&'()*+,=:@"},
		{cookie: sessions.Cookie{Name: "path-space", Path: "/a b"}, path: "/a b"},
		{cookie: sessions.Cookie{Name: "path-brace", Path: "/{id}"}, path: "/{id}"},
		{cookie: sessions.Cookie{Name: "path-angle", Path: "/<a>"}, path: "/<a>"},
		{cookie: sessions.Cookie{Name: "path-quote", Path: `/"a"`}, path: `/"a"`},
		{cookie: sessions.Cookie{Name: "path-backslash", Path: `/a\b`}, path: `/a\b`},
		{cookie: sessions.Cookie{Name: "path-backquote", Path: "/`a"}, path: "/`a"},
		{cookie: sessions.Cookie{Name: "path-query", Path: "/a?b"}, path: "/a?b"},
		{cookie: sessions.Cookie{Name: "path-fragment", Path: "/a#b"}, path: "/a#b"},
		{cookie: sessions.Cookie{Name: "path-dots", Path: "/a/../b"}, path: "/a/../b"},
	}

	came := make([]string, len(cases)) // the Cookie header of each case's page
	done := make(chan struct{})
	at := 0
	// The browser makes its requests one after the other: for each case to /set, which
	// redirects to the case's page.
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var next string
		switch {
		case r.URL.Path == "/favicon.ico" || at == len(cases):
			return
		case r.URL.Path == "/set":
			c := cases[at]
			line := &http.Cookie{
				Name: c.cookie.Name, Value: "1", Path: "/", Domain: c.cookie.Domain,
				Secure: c.cookie.Secure, HttpOnly: !c.cookie.DisableHttpOnly, SameSite: http.SameSiteLaxMode,
			}
			if c.cookie.Path != "" {
				line.Path = c.cookie.Path
			}
			w.Header().Set("Set-Cookie", line.String())
			next = "https://" + r.Host + "/"
			if c.path != "" {
				next = "https://" + r.Host + c.path
			}
		default:
			came[at] = strings.Join(r.Header["Cookie"], "; ")
			if at++; at == len(cases) {
				close(done)
				return
			}
			host := "app.example.org"
			if cases[at].host != "" {
				host = cases[at].host
			}
			next = "https://" + host + "/set"
		}
		w.Header().Set("Content-Type", "text/html")
		script, _ := json.Marshal(next)
		fmt.Fprintf(w, "<script>location.replace(%s)</script>", script)
	}))
	defer server.Close()

	address, _ := url.Parse(server.URL)
	var rules []string // only for our hosts, since the browser itself contacts others
	for _, host := range []string{"app.example.org", "localhost", "127.0.0.1"} {
		rules = append(rules, "MAP "+host+" "+address.Host)
	}
	stop := browse(t, "https://app.example.org/set", rules...)
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the browser did not visit all pages")
	}
	stop()
	server.Close() // after this, at and came do not change
	for i, c := range cases[:at] {
		m, err := sessions.New(t.Context(), sessions.Options{Store: "memory", Cookie: c.cookie})
		if err == nil {
			m.Close()
		}
		kept := strings.Contains("; "+came[i], "; "+c.cookie.Name+"=1")
		if kept != (err == nil) {
			t.Errorf("%s: the browser sent it back: %v; New: %v", c.cookie.Name, kept, err)
		}
	}
}

// browse starts a real browser at the URL, with rules by which it resolves host
// names. The returned function ends it.
func browse(t *testing.T, url string, rules ...string) (stop func()) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	chromium := exec.CommandContext(t.Context(), program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--disable-component-update", "--disable-features=HttpsUpgrades", "--ignore-certificate-errors", "--remote-debugging-port=0",
		"--user-data-dir="+t.TempDir(), "--host-resolver-rules="+strings.Join(rules, ","), url)
	chromium.WaitDelay = time.Second
	if err := chromium.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		chromium.Process.Signal(os.Interrupt)
		chromium.Wait()
	}
}
