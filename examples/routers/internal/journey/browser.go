package journey

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// cookieName is the library's default.
const cookieName = "pump-session"

// timeout limits every wait in the tests.
const timeout = 20 * time.Second

// Browser is a client with a cookie jar that follows redirects.
type Browser struct {
	*http.Client
	t       testing.TB
	address *url.URL
}

// NewBrowser returns a Browser without cookies.
func NewBrowser(t testing.TB, address string) *Browser {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{&http.Client{Jar: jar, Transport: transport, Timeout: timeout}, t, u}
}

// URL returns the URL of the path.
func (b *Browser) URL(path string) string { return b.address.String() + path }

// Do sends the request, with fields of name and value in turn, and returns the
// response and its body.
func (b *Browser) Do(method, path, body string, fields ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.URL(path), strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := b.Client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res, string(page)
}

// Get returns the page, and fails the test unless the status is 200.
func (b *Browser) Get(path string) string {
	b.t.Helper()
	res, page := b.Do(http.MethodGet, path, "")
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s\n%s", path, res.Status, page)
	}
	return page
}

// Post sends a form of alternating names and values, follows redirects, and returns
// the page.
func (b *Browser) Post(path string, form ...string) string {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	res, page := b.Do(http.MethodPost, path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("POST %s: %s\n%s", path, res.Status, page)
	}
	return page
}

// Token returns the value of the session cookie, or "".
func (b *Browser) Token() string {
	for _, c := range b.Jar.Cookies(b.address) {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

// SetToken sets the session cookie.
func (b *Browser) SetToken(token string) {
	b.Jar.SetCookies(b.address, []*http.Cookie{{Name: cookieName, Value: token}})
}

// Expect fails the test if the page lacks one of the texts.
func Expect(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("page lacks %q:\n%s", text, page)
		}
	}
}

// ExpectNot fails the test if the page has one of the texts.
func ExpectNot(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("page has %q:\n%s", text, page)
		}
	}
}
