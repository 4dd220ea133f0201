package dbsc_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// What the check adds to a request that reads its session, with the memory store.
func BenchmarkRead(b *testing.B) {
	for _, test := range []struct {
		name         string
		guard, bound bool
	}{{"without a guard", false, false}, {"unbound", true, false}, {"bound", true, true}} {
		b.Run(test.name, func(b *testing.B) {
			s := newSite(b)
			if !test.guard {
				s.Deploy(func(o *sessions.Options) { o.Guard = nil })
			}
			var d *device
			if test.bound {
				d = s.bound()
			} else {
				d = s.device()
				d.use(signIn)
			}
			r := httptest.NewRequest("GET", "/", nil)
			for _, name := range []string{cookieName, boundName} {
				if value, ok := d.Cookies[name]; ok {
					r.AddCookie(&http.Cookie{Name: name, Value: value})
				}
			}
			h := s.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if user, _ := testapp.User.Get(sessions.FromContext(r.Context())); user != "ann" {
					b.Error("the session was not read")
				}
				w.Write(nil)
			}))
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(&discard{header: make(http.Header)}, r)
			}
		})
	}
}

// What a refresh costs that ends with a new bound cookie: a load and a signature.
func BenchmarkRefresh(b *testing.B) {
	for name, bits := range map[string]int{"ES256": 0, "RS256": 2048} {
		b.Run(name, func(b *testing.B) {
			s := newSite(b)
			d := s.device()
			if bits > 0 {
				d.key = rsaKey(b, bits)
			}
			d.signIn()
			d.register()
			d.refreshWith("")
			r := httptest.NewRequest("POST", basePath+"/refresh", nil)
			r.Header.Set("Cookie", cookieName+"="+d.Token())
			r.Header.Set("Sec-Secure-Session-Id", d.id)
			r.Header.Set("Secure-Session-Response", d.proof(d.challenge, false))
			h := s.Manager.Wrap(s.binding.Handler(http.NotFoundHandler()))
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: make(http.Header)}
				if h.ServeHTTP(w, r); w.header.Get("Set-Cookie") == "" {
					b.Fatal("no cookie")
				}
			}
		})
	}
}

// Sizes that docs/device-bound-sessions.md states.
func TestSizes(t *testing.T) {
	for _, bits := range []int{0, 2048} {
		s := newSite(t)
		d := s.device()
		if bits > 0 {
			d.key = rsaKey(t, bits)
		}
		d.signIn()
		before := len(s.Store.Record(t).Record.Data)
		d.register()
		note := len(s.Store.Record(t).Record.Data) - before
		want := map[int]int{0: 100, 2048: 306}[bits]
		testapp.Equal(t, "bytes in the record", note, want)
		testapp.Equal(t, "cookie", len(d.Cookies[boundName]), 64)
	}
}
