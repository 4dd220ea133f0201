package sessions_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

// Programs keep header fields that all their answers have.
func TestHeaderLinesThatResponsesShare(t *testing.T) {
	shared := http.Header{"Vary": make([]string, 1, 4), "Cache-Control": make([]string, 1, 4)}
	shared["Vary"][0], shared["Cache-Control"][0] = "Origin", "max-age=60"
	a := newLife(t)
	for range 2 {
		c := a.client()
		res := c.serve(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), shared)
			lifeIncrement(sessions.FromContext(r.Context()))
		})
		lifeEqual(t, "Vary", res.Header()["Vary"], []string{"Origin", "Cookie"})
	}
	for name, lines := range shared {
		lifeEqual(t, "what stands behind the lines of "+name, lines[:2][1], "")
	}
}

// A proxy that keeps the cookie from its upstream has the session all the same.
func TestCookieThatTheHandlerRemoves(t *testing.T) {
	for _, header := range []string{"", "X-Session-Token"} {
		a := newLife(t, func(o *sessions.Options) { o.TokenHeader = header })
		c := a.signedIn()
		r := httptest.NewRequest("GET", "/", nil)
		if header == "" {
			r.Header.Set("Cookie", "pump-session="+c.token())
		} else {
			r.Header.Set(header, c.token())
		}
		w := httptest.NewRecorder()
		a.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			clear(r.Header)
			lifeIncrement(sessions.FromContext(r.Context()))
		})).ServeHTTP(w, r)
		lifeEqual(t, "Set-Cookie", w.Header()["Set-Cookie"], nil)
		lifeEqual(t, "count", c.count(), 1)
	}
}
