package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Browser visits a site, and keeps the cookie. A copy is another with the same
// cookie.
type Browser struct {
	Site   http.Handler
	Cookie string
}

// Get returns a page and its status.
func (b *Browser) Get(path string) (int, string) {
	r := httptest.NewRequest("GET", path, nil)
	if b.Cookie != "" {
		r.Header.Set("Cookie", b.Cookie)
	}
	w := httptest.NewRecorder()
	b.Site.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.Cookie = ""
		if c.MaxAge >= 0 {
			b.Cookie = c.Name + "=" + c.Value
		}
	}
	return w.Code, w.Body.String()
}

// Wants gets a page, which must be as it wants it.
func (b *Browser) Wants(t testing.TB, path, want string) {
	t.Helper()
	if code, page := b.Get(path); code != 200 || page != want {
		t.Errorf("%s: %d %q, want %q", path, code, page, want)
	}
}

// Token is what the cookie holds.
func (b *Browser) Token() string {
	_, token, _ := strings.Cut(b.Cookie, "=")
	return token
}
