package sessions_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Wrap among the handlers and middlewares that programs put around it and into
// it, over real connections.

// zipWriter compresses what passes, as the usual middlewares do.
type zipWriter struct {
	http.ResponseWriter
	zip *gzip.Writer
}

func (w *zipWriter) Write(b []byte) (int, error) {
	if w.zip == nil {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
		w.zip = gzip.NewWriter(w.ResponseWriter)
	}
	return w.zip.Write(b)
}

func (w *zipWriter) Flush() {
	if w.zip != nil {
		w.zip.Flush()
	}
	http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *zipWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func zipped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z := &zipWriter{ResponseWriter: w}
		next.ServeHTTP(z, r)
		if z.zip != nil {
			z.zip.Close()
		}
	})
}

func TestCompressionAroundTheSession(t *testing.T) {
	page := strings.Repeat("page ", 10_000)
	for name, place := range map[string]func(m *sessions.Manager, h http.Handler) http.Handler{
		"inside":  func(m *sessions.Manager, h http.Handler) http.Handler { return m.Wrap(zipped(h)) },
		"outside": func(m *sessions.Manager, h http.Handler) http.Handler { return zipped(m.Wrap(h)) },
	} {
		t.Run(name, func(t *testing.T) {
			clientServers(t, sessions.Options{}, func(t *testing.T, srv *clientServer) {
				srv.mux.Handle("/", place(srv.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					sessions.FromContext(r.Context()).Set("user", "ada")
					io.WriteString(w, page[:100])
					http.NewResponseController(w).Flush()
					io.WriteString(w, page[100:])
				})))
				resp, body := srv.get(t, "GET", "/") // the client unpacks it
				if resp.StatusCode != 200 || body != page || !resp.Uncompressed {
					t.Errorf("%d, %d bytes, compressed: %v", resp.StatusCode, len(body), resp.Uncompressed)
				}
				testapp.OneCookie(t, resp)
				// The error page is whole, whether it is compressed or not.
				srv.store.On("Save", func(context.Context) error { return errors.New("outage") })
				resp, body = srv.get(t, "GET", "/")
				if resp.StatusCode != 503 || body != "Service Unavailable\n" {
					t.Errorf("%d %q", resp.StatusCode, body)
				}
				testapp.NoCookie(t, resp)
			})
		})
	}
}

// A reverse proxy in the handler: its early hints, its trailers, its streams and
// the cookies of its backend pass, and the session's cookie goes with them.
func TestAReverseProxyInside(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		http.SetCookie(w, &http.Cookie{Name: "backend", Value: "1"})
		w.Header().Set("Trailer", "Digest")
		io.WriteString(w, "hello ")
		http.NewResponseController(w).Flush()
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "world")
		w.Header().Set("Digest", "sha-256=x")
	}))
	defer backend.Close()
	target, _ := url.Parse(backend.URL)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	clientServers(t, sessions.Options{}, func(t *testing.T, srv *clientServer) {
		srv.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Set("user", "ada")
			proxy.ServeHTTP(w, r)
		})
		resp, body := srv.get(t, "GET", "/")
		if resp.StatusCode != 200 || body != "hello world" || resp.Trailer.Get("Digest") != "sha-256=x" {
			t.Errorf("%d %q with the trailer %v", resp.StatusCode, body, resp.Trailer)
		}
		if n := len(resp.Cookies()); n != 2 {
			t.Errorf("Set-Cookie: %q", resp.Header["Set-Cookie"])
		}
		testapp.Equal(t, "records", len(srv.store.RecordsByKey(t)), 1)

		// A backend that breaks off breaks the answer off, not the session.
		r, _ := http.NewRequestWithContext(t.Context(), "GET", srv.url+"/broken", nil)
		if resp, err := srv.Do(r); err == nil {
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("the answer is whole")
			}
			resp.Body.Close()
		}
		srv.handle("/user", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) { fmt.Fprint(w, s.Get("user")) })
		if _, body := srv.get(t, "GET", "/user"); body != "ada" {
			t.Errorf("the user is %s", body)
		}

		// Where the session cannot be saved nothing of the backend's answer passes.
		// The proxy, whose write fails, breaks the connection off: the client
		// sees that in place of the error page.
		srv.store.On("Save", func(context.Context) error { return errors.New("outage") })
		r, _ = http.NewRequestWithContext(t.Context(), "GET", srv.url, nil)
		if resp, err := srv.Do(r); err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 || err == nil || strings.Contains(string(body), "hello") {
				t.Errorf("%d %q, %v", resp.StatusCode, body, err)
			}
		}
	})
}

// A proxy in front that joins, splits and adds header lines.
func TestAReverseProxyInFront(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	app := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := testapp.Count.Update(sessions.FromContext(r.Context()), func(n int) int { return n + 1 })
		fmt.Fprint(w, n)
	})))
	defer app.Close()
	target, _ := url.Parse(app.URL)
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header["Cookie"] = append([]string{"edge=1"}, append(r.In.Header["Cookie"], "region=eu")...)
	}})
	defer front.Close()
	token := ""
	for want := 1; want <= 3; want++ {
		r, _ := http.NewRequest("GET", front.URL, nil)
		r.Header.Set("Cookie", "pump-session="+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != fmt.Sprint(want) {
			t.Errorf("visit %s, want %d", body, want)
		}
		if c := resp.Cookies(); len(c) > 0 {
			token = c[0].Value
		}
	}
}

// http.MaxBytesReader with the handler's writer: the upload ends, and the answer
// to it is one like any other.
func TestAnUploadThatIsTooLarge(t *testing.T) {
	clientServers(t, sessions.Options{}, func(t *testing.T, srv *clientServer) {
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("user", "ada")
			var tooLarge *http.MaxBytesError
			if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000)); !errors.As(err, &tooLarge) {
				t.Errorf("reading gives %v", err)
			}
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		})
		resp, err := srv.Post(srv.url, "text/plain", bytes.NewReader(make([]byte, 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d", resp.StatusCode)
		}
		testapp.OneCookie(t, resp)
	})
}

// http.TimeoutHandler around Wrap answers in its place when the time is up. What
// the handler then does to the session is committed, as that of a handler whose
// client has gone; but the client has no cookie of it. Put Wrap outside.
func TestATimeoutHandlerOutside(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	for name, f := range map[string]func(s *sessions.Session){
		"a change": testapp.Increment, "an end": func(s *sessions.Session) { s.Destroy(context.Background()) },
	} {
		late, done := make(chan struct{}), make(chan struct{})
		h := http.TimeoutHandler(a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			s := sessions.FromContext(r.Context())
			lifeLook(s)
			<-late
			f(s)
			if _, err := io.WriteString(w, "too late"); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("%s: writing gives %v", name, err)
			}
		})), time.Millisecond, "timeout")
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "pump-session="+c.Token())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		close(late)
		<-done
		if w.Code != 503 || w.Body.String() != "timeout" || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %q with %v", name, w.Code, w.Body, w.Header())
		}
		if name == "a change" {
			testapp.Equal(t, "count", c.Count(), 1)
		}
		if name == "an end" {
			testapp.Equal(t, "user", c.User(), "")
			c = a.SignedIn()
		}
	}
}

// Inside of Wrap it answers through the session's writer: what the handler did
// until then is committed with the answer, what it goes on to do is its own
// goroutine's, which has to Save.
func TestATimeoutHandlerInsideWhoseTimeIsUp(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	late, done := make(chan struct{}), make(chan struct{})
	timeout := http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		s := sessions.FromContext(r.Context())
		testapp.Increment(s)
		<-late
		for range 100 {
			testapp.Increment(s) // beside the commit, too
			if _, err := io.WriteString(w, "too late"); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("writing gives %v", err)
			}
		}
		testapp.Error(t, "Save under the request's context", s.Save(r.Context()), context.DeadlineExceeded)
	}), 10*time.Millisecond, "timeout")
	res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
		timeout.ServeHTTP(w, r)
		close(late)
	})
	<-done
	if res.StatusCode != 503 || res.Body != "timeout" {
		t.Errorf("%d %q", res.StatusCode, res.Body)
	}
	if n := c.Count(); n < 1 || n > 101 {
		t.Errorf("the count is %d", n)
	}
}
