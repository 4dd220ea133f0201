package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Browser is a client that stores the site's cookie. A copy is another client with the
// same cookie.
type Browser struct {
	Site   http.Handler
	Cookie string
}

// Get requests a page and returns its status and body.
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

// Wants requests a page and fails the test if its status is not 200 or its body differs.
func (b *Browser) Wants(t testing.TB, path, want string) {
	t.Helper()
	if code, page := b.Get(path); code != 200 || page != want {
		t.Errorf("%s: %d %q, want %q", path, code, page, want)
	}
}

// Token returns the cookie's value.
func (b *Browser) Token() string {
	_, token, _ := strings.Cut(b.Cookie, "=")
	return token
}
