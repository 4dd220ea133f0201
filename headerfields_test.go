package sessions_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Programs keep header fields that all their answers have.
func TestHeaderLinesThatResponsesShare(t *testing.T) {
	shared := http.Header{"Vary": make([]string, 1, 4), "Cache-Control": make([]string, 1, 4)}
	shared["Vary"][0], shared["Cache-Control"][0] = "Origin", "max-age=60"
	a := testapp.New(t)
	for range 2 {
		c := a.Client()
		res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), shared)
			testapp.Increment(sessions.FromContext(r.Context()))
		})
		testapp.Equal(t, "Vary", res.Header["Vary"], []string{"Origin", "Cookie"})
	}
	for name, lines := range shared {
		testapp.Equal(t, "what stands behind the lines of "+name, lines[:2][1], "")
	}
}

// A proxy that keeps the cookie from its upstream has the session all the same.
func TestCookieThatTheHandlerRemoves(t *testing.T) {
	for _, header := range []string{"", "X-Session-Token"} {
		a := testapp.New(t, func(o *sessions.Options) { o.TokenHeader = header })
		c := a.SignedIn()
		r := httptest.NewRequest("GET", "/", nil)
		if header == "" {
			r.Header.Set("Cookie", "pump-session="+c.Token())
		} else {
			r.Header.Set(header, c.Token())
		}
		w := httptest.NewRecorder()
		a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			clear(r.Header)
			testapp.Increment(sessions.FromContext(r.Context()))
		})).ServeHTTP(w, r)
		testapp.Equal(t, "Set-Cookie", w.Header()["Set-Cookie"], nil)
		testapp.Equal(t, "count", c.Count(), 1)
	}
}
