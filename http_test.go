package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// testServer is a real server, with a client that has a cookie jar.
type testServer struct {
	*http.Client
	url   string
	m     *sessions.Manager
	store *testapp.Store
	major int // the version of HTTP
	mux   *http.ServeMux
	stop  func() // ends the server, when it has done with all requests
}

// onServers runs a test over HTTP/1.1 and over HTTP/2. The server must not log
// errors.
func onServers(t *testing.T, o sessions.Options, test func(t *testing.T, c *testServer)) {
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", major), func(t *testing.T) {
			c := &testServer{major: major, mux: http.NewServeMux()}
			c.m, c.store = testapp.NewManager(t, o)
			var complaints testapp.Log
			srv := httptest.NewUnstartedServer(c.m.Wrap(c.mux))
			srv.Config.ErrorLog = log.New(&complaints, "", 0)
			if major == 2 {
				srv.EnableHTTP2 = true
				srv.StartTLS()
			} else {
				srv.Start()
			}
			c.url, c.Client, c.stop = srv.URL, srv.Client(), srv.Close
			c.Jar, _ = cookiejar.New(nil)
			t.Cleanup(func() {
				srv.Close()
				if s := complaints.String(); s != "" {
					t.Errorf("got server log %s, want none", s)
				}
			})
			test(t, c)
		})
	}
}

func (c *testServer) handle(path string, h func(w http.ResponseWriter, r *http.Request, s *sessions.Session)) {
	c.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { h(w, r, sessions.FromContext(r.Context())) })
}

// get makes a request, and returns the response and its body.
func (c *testServer) get(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != c.major {
		t.Fatalf("the response is HTTP/%d", resp.ProtoMajor)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Every way of sending the header commits the new session first and sends its cookie.
func TestCookieLeavesWithHeader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(file, []byte(strings.Repeat("page ", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request) error
		status int
		body   string
	}{
		"nothing":     {func(http.ResponseWriter, *http.Request) error { return nil }, 200, ""},
		"Write":       {func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write([]byte("hi")); return err }, 200, "hi"},
		"WriteString": {func(w http.ResponseWriter, _ *http.Request) error { _, err := io.WriteString(w, "hi"); return err }, 200, "hi"},
		"WriteHeader": {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(201); return nil }, 201, ""},
		"204":         {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }, 204, ""},
		"304":         {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(304); return nil }, 304, ""},
		"404":         {func(w http.ResponseWriter, r *http.Request) error { http.NotFound(w, r); return nil }, 404, "404 page not found\n"},
		"Flush":       {func(w http.ResponseWriter, _ *http.Request) error { w.(http.Flusher).Flush(); return nil }, 200, ""},
		"Flush by a ResponseController": {func(w http.ResponseWriter, _ *http.Request) error {
			return http.NewResponseController(w).Flush()
		}, 200, ""},
		"io.Copy": {func(w http.ResponseWriter, r *http.Request) error {
			_, isReaderFrom := w.(io.ReaderFrom)
			if isReaderFrom != (r.ProtoMajor == 1) {
				return fmt.Errorf("io.ReaderFrom: %v", isReaderFrom)
			}
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		}, 200, strings.Repeat("page ", 100_000)},
		"ServeFile": {func(w http.ResponseWriter, r *http.Request) error { http.ServeFile(w, r, file); return nil }, 200, strings.Repeat("page ", 100_000)},
		"deadlines, then Write": {func(w http.ResponseWriter, _ *http.Request) error {
			rc := http.NewResponseController(w)
			soon := time.Now().Add(time.Minute)
			_, err := w.Write([]byte("hi"))
			return errors.Join(rc.SetReadDeadline(soon), rc.SetWriteDeadline(soon), rc.EnableFullDuplex(), err)
		}, 200, "hi"},
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
				srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
					s.Set("user", "ada")
					if err := c.answer(w, r); err != nil {
						t.Error(err)
					}
				})
				resp, body := srv.get(t, "GET", "/")
				if resp.StatusCode != c.status || body != c.body {
					t.Errorf("got status %d and %d bytes, want %d and %d", resp.StatusCode, len(body), c.status, len(c.body))
				}
				testapp.OneCookie(t, resp)
				if n := len(srv.store.RecordsByKey(t)); n != 1 {
					t.Errorf("got %d records, want 1", n)
				}
			})
		})
	}
}

func TestHEADSaves(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("user", "ada")
			io.WriteString(w, "hello")
		})
		resp, body := srv.get(t, "HEAD", "/")
		testapp.OneCookie(t, resp)
		if body != "" || len(srv.store.RecordsByKey(t)) != 1 {
			t.Errorf("got body %q and %d records", body, len(srv.store.RecordsByKey(t)))
		}
	})
}

// The page after a redirect sees the sign-in or sign-out.
func TestRedirectHasCookie(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307} {
		onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
			srv.handle("/sign-in", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
				s.Renew()
				s.Set("user", "ada")
				http.Redirect(w, r, "/", status)
			})
			srv.handle("/sign-out", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
				if err := s.Destroy(r.Context()); err != nil {
					t.Error(err)
				}
				http.Redirect(w, r, "/", status)
			})
			srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) { fmt.Fprint(w, s.Get("user")) })
			for range 2 {
				if _, body := srv.get(t, "GET", "/sign-in"); body != "ada" {
					t.Errorf("status %d: got user %s after the sign-in", status, body)
				}
				if n := len(srv.store.RecordsByKey(t)); n != 1 {
					t.Errorf("status %d: got %d records", status, n)
				}
			}
			if _, body := srv.get(t, "GET", "/sign-out"); body != "<nil>" {
				t.Errorf("status %d: got user %s after the sign-out", status, body)
			}
		})
	}
}

// Early hints are sent before the header: they do not commit the session, and have no
// cookie.
func TestEarlyHintsPrecedeCommit(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("n", 1)
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			if srv.store.Total("Save") != 0 {
				t.Error("early hints committed the session")
			}
			s.Set("user", "ada")
			io.WriteString(w, "hello")
		})
		hints := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints++
				if code != 103 || len(h["Set-Cookie"]) > 0 || h.Get("Link") == "" {
					t.Errorf("got %d with the header %v", code, h)
				}
				return nil
			},
		})
		r, _ := http.NewRequestWithContext(ctx, "GET", srv.url, nil)
		resp, err := srv.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		testapp.OneCookie(t, resp)
		if hints != 1 || srv.store.Total("Save") != 1 {
			t.Errorf("got %d hints and %d saves", hints, srv.store.Total("Save"))
		}
	})
}

// 101 is a final header: it has the session's cookie.
func TestSwitchingProtocolsHasCookie(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	srv := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("user", "ada")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "upgraded")
		if err := s.Renew(); !errors.Is(err, sessions.ErrHeaderSent) {
			t.Errorf("Renew: got error %v, want ErrHeaderSent", err)
		}
	})))
	defer srv.Close()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL, nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "echo")
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 101 || len(store.RecordsByKey(t)) != 1 {
		t.Errorf("got status %d and %d records", resp.StatusCode, len(store.RecordsByKey(t)))
	}
	testapp.OneCookie(t, resp)
	if body, _ := io.ReadAll(resp.Body); string(body) != "upgraded" {
		t.Errorf("got %q on the connection", body)
	}
}

func TestHijackCommits(t *testing.T) {
	for name, hijack := range map[string]func(w http.ResponseWriter) (io.WriteCloser, error){
		"by the writer": func(w http.ResponseWriter) (io.WriteCloser, error) {
			conn, _, err := w.(http.Hijacker).Hijack()
			return conn, err
		},
		"by a ResponseController": func(w http.ResponseWriter) (io.WriteCloser, error) {
			conn, _, err := http.NewResponseController(w).Hijack()
			return conn, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, store := testapp.NewManager(t, sessions.Options{})
			fail := false
			store.On("Save", func(_ context.Context) error {
				if fail {
					return errors.New("outage")
				}
				return nil
			})
			srv := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sessions.FromContext(r.Context()).Set("user", "ada")
				conn, err := hijack(w)
				if fail != (err != nil) {
					t.Errorf("Hijack: %v", err)
				}
				if err != nil {
					return
				}
				defer conn.Close()
				// The program sends the header, and the cookie in it.
				for _, line := range w.Header()["Set-Cookie"] {
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nSet-Cookie: %s\r\nContent-Length: 2\r\n\r\nhi", line)
				}
			})))
			defer srv.Close()
			resp, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			testapp.OneCookie(t, resp)
			if len(store.RecordsByKey(t)) != 1 {
				t.Error("the session is not stored")
			}
			// If the save fails, the connection is not hijacked, and gets the error page.
			fail = true
			resp, err = srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 503 {
				t.Errorf("got status %d, want 503", resp.StatusCode)
			}
		})
	}
}

func TestChangeWhileStreaming(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.handle("/sign-in", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) { s.Set("user", "ada") })
		srv.handle("/stream", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			http.NewResponseController(w).Flush()
			s.Set("user", "bob")
			io.WriteString(w, "done")
		})
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) { fmt.Fprint(w, s.Get("user")) })
		srv.get(t, "GET", "/sign-in")
		srv.get(t, "GET", "/stream") // read to its end
		if _, body := srv.get(t, "GET", "/"); body != "bob" {
			t.Errorf("got user %s, want bob", body)
		}
	})
}

// The changes of a request are saved even if its client disconnects.
func TestClientDisconnectDoesNotPreventCommit(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		began, ended := make(chan struct{}), make(chan struct{})
		srv.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Set("paid", true)
			close(began)
			<-r.Context().Done()
			io.WriteString(w, "thanks")
			close(ended) // the header has left, so the commit is done
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-began
			cancel()
		}()
		r, _ := http.NewRequestWithContext(ctx, "GET", srv.url, nil)
		if resp, err := srv.Do(r); err == nil {
			resp.Body.Close()
			t.Error("the client got a response")
		}
		<-ended
		if n := len(srv.store.RecordsByKey(t)); n != 1 {
			t.Errorf("got %d records, want 1", n)
		}
	})
}

func TestErrAbortHandlerPropagates(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("n", 1)
			panic(http.ErrAbortHandler)
		})
		r, _ := http.NewRequestWithContext(t.Context(), "GET", srv.url, nil)
		if resp, err := srv.Do(r); err == nil {
			resp.Body.Close()
			t.Error("the client got a response")
		}
		if n := len(srv.store.RecordsByKey(t)); n != 0 {
			t.Errorf("got %d records, want none", n)
		}
	})
}

// The server removes the files of an uploaded form. It finds them in the request that
// it passed to the handler.
func TestUploadedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	files := func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		return len(entries)
	}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, _ := mw.CreateFormFile("file", "large")
	part.Write(make([]byte, 11<<20)) // 10 MB are kept in memory whatever is asked for
	mw.Close()

	onServers(t, sessions.Options{}, func(t *testing.T, c *testServer) {
		c.handle("/upload", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			if err := r.ParseMultipartForm(0); err != nil {
				t.Error(err)
			}
			testapp.Equal(t, "files of the request", files(), 1)
		})
		resp, err := c.Post(c.url+"/upload", mw.FormDataContentType(), bytes.NewReader(form.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		c.stop()
		testapp.Equal(t, "files left", files(), 0)
	})
}

// Outer middleware can read the pattern that the request matched.
func TestPatternIsVisibleOutside(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /panic/{id}", func(http.ResponseWriter, *http.Request) { panic("as it should") })
	for path, want := range map[string]string{"/users/7": "GET /users/{id}", "/panic/7": "GET /panic/{id}", "/": ""} {
		r := httptest.NewRequest("GET", path, nil)
		func() {
			defer func() { recover() }()
			m.Wrap(mux).ServeHTTP(httptest.NewRecorder(), r)
		}()
		if r.Pattern != want {
			t.Errorf("%s: got pattern %q, want %q", path, r.Pattern, want)
		}
	}

	// A pattern that was set before remains if nothing inside sets another.
	r := httptest.NewRequest("GET", "/", nil)
	r.Pattern = "/"
	m.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if r.Pattern != "/" {
		t.Errorf("got pattern %q", r.Pattern)
	}
}

// http.TimeoutHandler has its own writer, and runs the handler in another goroutine.
func TestTimeoutHandlerInside(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, m)
	timeout := func(h http.HandlerFunc) http.HandlerFunc {
		return http.TimeoutHandler(h, time.Hour, "").ServeHTTP
	}
	testapp.OneCookie(t, b.Serve(timeout(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("user", "ada")
		io.WriteString(w, "hello")
	})))
	if b.User() != "ada" {
		t.Error("the session is lost")
	}
}

// FuzzResponseHeader sets any header field in a handler. The session adds one
// Set-Cookie line, and the handler's cookies remain.
func FuzzResponseHeader(f *testing.F) {
	f.Add("theme=dark; Path=/", "Accept-Encoding, Origin", "public, max-age=60")
	f.Add("pump-session=x; Path=/admin", "*", "no-store")
	f.Add(" pump-session =x", "cookie", `no-cache="Set-Cookie", private`)
	f.Add("pump-session", "", "")
	f.Add("=pump-session", ",,,", ",")
	m, _ := testapp.NewManager(f, sessions.Options{})
	f.Fuzz(func(t *testing.T, cookie, vary, cache string) {
		w := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Set-Cookie"] = []string{cookie, "last=1"}
			w.Header()["Vary"] = []string{vary}
			w.Header()["Cache-Control"] = []string{cache}
			sessions.FromContext(r.Context()).Set("n", 1)
		})).ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/", nil))
		h := w.Header()
		ours, theirs := 0, 0
		for _, line := range h["Set-Cookie"] {
			name, _, _ := strings.Cut(line, "=")
			switch {
			case strings.TrimSpace(name) == "pump-session":
				ours++
			case line == cookie:
				theirs++
			}
		}
		name, _, _ := strings.Cut(cookie, "=")
		if kept := strings.TrimSpace(name) != "pump-session"; ours != 1 || kept != (theirs > 0) || !slices.Contains(h["Set-Cookie"], "last=1") {
			t.Errorf("got Set-Cookie %q, want the handler's lines and one of the session", h["Set-Cookie"])
		}
		all := strings.ToLower(strings.Join(h["Vary"], ","))
		if h["Vary"][0] != vary || !strings.Contains(all, "cookie") && !strings.Contains(all, "*") {
			t.Errorf("got Vary %q, want Cookie in it", h["Vary"])
		}
		all = strings.Join(h["Cache-Control"], ",")
		if h["Cache-Control"][0] != cache || !strings.Contains(all, `no-cache="Set-Cookie"`) && !strings.Contains(strings.ToLower(all), "no-store") {
			t.Errorf("got Cache-Control %q, want no-cache=\"Set-Cookie\" or no-store in it", h["Cache-Control"])
		}
	})
}

// A program may use one slice of header values in several responses.
func TestSharedHeaderSlice(t *testing.T) {
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

// A proxy may remove the Cookie header for its upstream after the session was found.
func TestHandlerRemovesCookie(t *testing.T) {
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
