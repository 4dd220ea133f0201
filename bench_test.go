package sessions_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

// The benchmarks measure a request through the middleware, with the memory store
// and a writer that discards the response. "bare" is the same handler without a
// session.

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

const benchCounter sessions.Key[int] = "counter"

// benchSession returns a manager, and a request with a session of ten values,
// about 500 bytes.
func benchSession(b *testing.B) (*sessions.Manager, *http.Request) {
	b.Helper()
	m, err := sessions.New(b.Context(), sessions.Options{Store: "memory"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		for i := range 9 {
			s.Set("value "+strconv.Itoa(i), strings.Repeat("v", 45))
		}
		benchCounter.Set(s, 0)
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	return m, r
}

func benchServe(b *testing.B, h http.Handler, r *http.Request) {
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&discard{header: make(http.Header)}, r)
	}
}

func BenchmarkRequest(b *testing.B) {
	handlers := []struct {
		name string
		use  func(s *sessions.Session)
	}{
		{"untouched", func(*sessions.Session) {}},
		{"read", func(s *sessions.Session) { s.Get("value 3"); benchCounter.Get(s) }},
		{"write", func(s *sessions.Session) { benchCounter.Update(s, func(n int) int { return n + 1 }) }},
	}
	b.Run("bare", func(b *testing.B) {
		_, r := benchSession(b)
		benchServe(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) }), r)
	})
	for _, h := range handlers {
		b.Run(h.name, func(b *testing.B) {
			m, r := benchSession(b)
			benchServe(b, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.use(sessions.FromContext(r.Context()))
				w.Write(nil)
			})), r)
			if h.name == "write" {
				benchCounted(b, m, r, b.N)
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		m, _ := benchSession(b)
		benchServe(b, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			benchCounter.Set(sessions.FromContext(r.Context()), 1)
			w.Write(nil)
		})), httptest.NewRequest("GET", "/", nil))
		n := 0
		for _, err := range m.All(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != b.N+1 { // and the one that benchSession made
			b.Errorf("got %d sessions after %d requests", n-1, b.N)
		}
	})
	b.Run("contended", func(b *testing.B) {
		m, r := benchSession(b)
		h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			benchCounter.Update(sessions.FromContext(r.Context()), func(n int) int { return n + 1 })
			w.Write(nil)
		}))
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				h.ServeHTTP(&discard{header: make(http.Header)}, r)
			}
		})
		benchCounted(b, m, r, b.N)
	})
}

// benchCounted shows that the requests did their work.
func benchCounted(b *testing.B, m *sessions.Manager, r *http.Request, want int) {
	b.Helper()
	m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, _ := benchCounter.Get(sessions.FromContext(r.Context())); n != want {
			b.Errorf("got counter %d after %d requests", n, want)
		}
	})).ServeHTTP(&discard{header: make(http.Header)}, r)
}
