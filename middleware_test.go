package sessions_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestNoSessionOutsideMiddleware(t *testing.T) {
	if s := sessions.FromContext(t.Context()); s != nil {
		t.Errorf("FromContext: got %v, want nil", s)
	}
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory"})
	if s := m.FromContext(t.Context()); s != nil {
		t.Errorf("Manager.FromContext: got %v, want nil", s)
	}
	var s *sessions.Session
	if text := s.String(); text != "none" {
		t.Errorf("got %q for a nil session", text)
	}
	if text := s.LogValue().String(); text != "none" {
		t.Errorf("got log value %q for a nil session", text)
	}
	key := sessions.Key[int]("n")
	queue := sessions.Flash[int]("q")
	for name, use := range map[string]func(){
		"Get":            func() { s.Get("n") },
		"Set":            func() { s.Set("n", 1) },
		"Delete":         func() { s.Delete("n") },
		"Has":            func() { s.Has("n") },
		"Keys":           func() { s.Keys() },
		"Clear":          func() { s.Clear() },
		"Decode":         func() { s.Decode("n", new(int)) },
		"ID":             func() { s.ID() },
		"Token":          func() { s.Token() },
		"IsNew":          func() { s.IsNew() },
		"Created":        func() { s.Created() },
		"LastAccessed":   func() { s.LastAccessed() },
		"Err":            func() { s.Err() },
		"Save":           func() { s.Save(t.Context()) },
		"Revert":         func() { s.Revert() },
		"Renew":          func() { s.Renew() },
		"Invalidate":     func() { s.Invalidate() },
		"Destroy":        func() { s.Destroy(t.Context()) },
		"Owner":          func() { s.Owner() },
		"SetOwner":       func() { s.SetOwner("ann") },
		"SetExpires":     func() { s.SetExpires(sessions.ExpireNever()) },
		"SetIdleTimeout": func() { s.SetIdleTimeout(time.Hour) },
		"SetLifetime":    func() { s.SetLifetime(time.Hour) },
		"ResetSettings":  func() { s.ResetSettings() },
		"AddFlash":       func() { s.AddFlash("x") },
		"Flashes":        func() { s.Flashes() },
		"Key.Get":        func() { key.Get(s) },
		"Key.Set":        func() { key.Set(s, 1) },
		"Key.Update":     func() { key.Update(s, func(n int) int { return n }) },
		"Key.Pop":        func() { key.Pop(s) },
		"Key.Has":        func() { key.Has(s) },
		"Key.Delete":     func() { key.Delete(s) },
		"Flash.Add":      func() { queue.Add(s, 1) },
		"Flash.Take":     func() { queue.Take(s) },
		"Flash.Peek":     func() { queue.Peek(s) },
		"DestroyOwned":   func() { m.DestroyOwned(t.Context(), "ann", s) },
	} {
		t.Run(name, func(t *testing.T) {
			if text := catchPanic(t, use); !strings.Contains(text, "Manager.Wrap") {
				t.Errorf("the panic does not say what to do: %s", text)
			}
		})
	}
}

// A goroutine of the handler may use the session for the first time after the request's
// context has ended.
func TestFirstUseAfterTheRequest(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	ctx, end := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+c.Token())
	var s *sessions.Session
	a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s = sessions.FromContext(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	end()
	testapp.Increment(s)
	testapp.Equal(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "count", c.Count(), 1)
}

// The tests below run Wrap outside and inside common handlers and middleware, over real
// connections.

// zipWriter compresses the response, as compression middleware does.
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

func TestCompression(t *testing.T) {
	page := strings.Repeat("page ", 10_000)
	for name, place := range map[string]func(m *sessions.Manager, h http.Handler) http.Handler{
		"inside":  func(m *sessions.Manager, h http.Handler) http.Handler { return m.Wrap(zipped(h)) },
		"outside": func(m *sessions.Manager, h http.Handler) http.Handler { return zipped(m.Wrap(h)) },
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
				srv.mux.Handle("/", place(srv.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					sessions.FromContext(r.Context()).Set("user", "ada")
					io.WriteString(w, page[:100])
					http.NewResponseController(w).Flush()
					io.WriteString(w, page[100:])
				})))
				resp, body := srv.get(t, "GET", "/") // the client unpacks it
				if resp.StatusCode != 200 || body != page || !resp.Uncompressed {
					t.Errorf("got status %d, %d bytes, compressed: %v", resp.StatusCode, len(body), resp.Uncompressed)
				}
				testapp.OneCookie(t, resp)
				// The error page is complete, compressed or not.
				srv.store.On("Save", func(context.Context) error { return errors.New("outage") })
				resp, body = srv.get(t, "GET", "/")
				if resp.StatusCode != 503 || body != "Service Unavailable\n" {
					t.Errorf("got %d %q, want the error page", resp.StatusCode, body)
				}
				testapp.NoCookie(t, resp)
			})
		})
	}
}

// A reverse proxy inside Wrap: the early hints, trailers, streams and cookies of its
// backend are passed on, together with the session's cookie.
func TestReverseProxyInside(t *testing.T) {
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
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Set("user", "ada")
			proxy.ServeHTTP(w, r)
		})
		resp, body := srv.get(t, "GET", "/")
		if resp.StatusCode != 200 || body != "hello world" || resp.Trailer.Get("Digest") != "sha-256=x" {
			t.Errorf("got %d %q with the trailer %v", resp.StatusCode, body, resp.Trailer)
		}
		if n := len(resp.Cookies()); n != 2 {
			t.Errorf("got Set-Cookie %q, want two cookies", resp.Header["Set-Cookie"])
		}
		testapp.Equal(t, "records", len(srv.store.RecordsByKey(t)), 1)

		// If the backend aborts, the response is aborted too, but the session is saved.
		r, _ := http.NewRequestWithContext(t.Context(), "GET", srv.url+"/broken", nil)
		if resp, err := srv.Do(r); err == nil {
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("the response is complete")
			}
			resp.Body.Close()
		}
		srv.handle("/user", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) { fmt.Fprint(w, s.Get("user")) })
		if _, body := srv.get(t, "GET", "/user"); body != "ada" {
			t.Errorf("got user %s, want ada", body)
		}

		// If the session cannot be saved, nothing of the backend's response is sent. The
		// proxy's write fails, so it aborts the connection, and the client does not get
		// the error page.
		srv.store.On("Save", func(context.Context) error { return errors.New("outage") })
		r, _ = http.NewRequestWithContext(t.Context(), "GET", srv.url, nil)
		if resp, err := srv.Do(r); err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 || err == nil || strings.Contains(string(body), "hello") {
				t.Errorf("got %d %q, %v, want a broken response", resp.StatusCode, body, err)
			}
		}
	})
}

// A proxy in front of the server, which joins, splits and adds header lines.
func TestReverseProxyInFront(t *testing.T) {
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
			t.Errorf("got visit %s, want %d", body, want)
		}
		if c := resp.Cookies(); len(c) > 0 {
			token = c[0].Value
		}
	}
}

// http.MaxBytesReader with the handler's writer: the upload ends, and the response is
// sent as usual.
func TestUploadTooLarge(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("user", "ada")
			var tooLarge *http.MaxBytesError
			if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000)); !errors.As(err, &tooLarge) {
				t.Errorf("reading: got error %v", err)
			}
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		})
		resp, err := srv.Post(srv.url, "text/plain", bytes.NewReader(make([]byte, 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got status %d, want 413", resp.StatusCode)
		}
		testapp.OneCookie(t, resp)
	})
}

// An http.TimeoutHandler outside of Wrap responds itself after the timeout. Later
// changes of the handler are committed, but their cookie is not sent. So put Wrap
// outside.
func TestTimeoutHandlerOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the timeout comes when the handler waits
		a := testapp.New(t)
		c := a.SignedIn()
		for name, f := range map[string]func(s *sessions.Session){
			"a change": testapp.Increment, "an end": func(s *sessions.Session) { s.Destroy(context.Background()) },
		} {
			late, done := make(chan struct{}), make(chan struct{})
			h := http.TimeoutHandler(a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				s := sessions.FromContext(r.Context())
				testapp.Look(s)
				<-late
				f(s)
				if _, err := io.WriteString(w, "too late"); !errors.Is(err, http.ErrHandlerTimeout) {
					t.Errorf("%s: Write: got error %v, want ErrHandlerTimeout", name, err)
				}
			})), time.Millisecond, "timeout")
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Cookie", "pump-session="+c.Token())
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			close(late)
			<-done
			if w.Code != 503 || w.Body.String() != "timeout" || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: got %d %q with the header %v", name, w.Code, w.Body, w.Header())
			}
			if name == "a change" {
				testapp.Equal(t, "count", c.Count(), 1)
			}
			if name == "an end" {
				testapp.Equal(t, "user", c.User(), "")
				c = a.SignedIn()
			}
		}
	})
}

// Inside Wrap, it responds through the session's writer: the handler's changes until
// then are committed with the response. For later ones, the handler must call Save.
func TestTimeoutHandlerInsideTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the timeout comes when the handler waits
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
					t.Errorf("Write: got error %v", err)
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
			t.Errorf("got %d %q, want 503 timeout", res.StatusCode, res.Body)
		}
		if n := c.Count(); n < 1 || n > 101 {
			t.Errorf("got count %d, want 1 to 101", n)
		}
	})
}

// The request's context is the server's, with the session added.
func TestRequestContextIsKept(t *testing.T) {
	type mark struct{}
	m, _ := testapp.NewManager(t, sessions.Options{})
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), mark{}, 7), deadline)
	defer cancel()
	testapp.NewClient(t, m).Send(httptest.NewRequestWithContext(ctx, "GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if ctx.Value(mark{}) != 7 || ctx.Err() != nil {
			t.Error("the context has lost its values")
		}
		if at, ok := ctx.Deadline(); !ok || !at.Equal(deadline) {
			t.Error("the context has lost its deadline")
		}
		cancel()
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("got error %v after cancel", ctx.Err())
		}
	}))
}

func TestSeveralManagers(t *testing.T) {
	site, siteStore := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "site"}})
	shop, shopStore := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "shop"}})
	stranger, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, site, shop)
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if sessions.FromContext(ctx) != shop.FromContext(ctx) {
			t.Error("FromContext did not return the innermost manager's session")
		}
		if site.FromContext(ctx) == shop.FromContext(ctx) || site.FromContext(ctx) == nil {
			t.Error("the managers share a session")
		}
		if stranger.FromContext(ctx) != nil {
			t.Error("a manager that does not wrap the handler has a session")
		}
		site.FromContext(ctx).Set("user", "ann")
		shop.FromContext(ctx).Set("user", "bob")
	})
	cookies := resp.Cookies()
	if len(cookies) != 2 || cookies[0].Name == cookies[1].Name {
		t.Fatalf("got Set-Cookie %q, want two cookies", resp.Header["Set-Cookie"])
	}
	if len(siteStore.RecordsByKey(t)) != 1 || len(shopStore.RecordsByKey(t)) != 1 {
		t.Error("a session is in the wrong store")
	}
	resp = b.Serve(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if site.FromContext(ctx).Get("user") != "ann" || shop.FromContext(ctx).Get("user") != "bob" {
			t.Error("the sessions are mixed up")
		}
		site.FromContext(ctx).Destroy(ctx)
	})
	if c := testapp.OneCookie(t, resp); c.Name != "site" || c.MaxAge != -1 {
		t.Errorf("got cookie %v", c)
	}
	if b.User() != "bob" {
		t.Error("the other session has ended too")
	}

	// If the inner manager cannot save, the response is its error page.
	shopStore.On("Save", func(context.Context) error { return errors.New("outage") })
	resp = b.Serve(func(w http.ResponseWriter, r *http.Request) {
		shop.FromContext(r.Context()).Set("n", 1)
		io.WriteString(w, "welcome")
	})
	if body := resp.Body; resp.StatusCode != 503 || strings.Contains(body, "welcome") {
		t.Errorf("got %d %s, want the error page", resp.StatusCode, body)
	}
}

func TestWrapTwice(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	between, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "between"}})
	var outer *sessions.Session
	b := testapp.NewClient(t, m)
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		outer = sessions.FromContext(r.Context())
		between.Wrap(m.Wrap(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.FromContext(r.Context()) != outer {
				t.Error("the inner Wrap has another session")
			}
			m.FromContext(r.Context()).Set("n", 1)
		})))).ServeHTTP(w, r)
	})
	testapp.OneCookie(t, resp)
	if n := store.Total("Save"); n != 1 {
		t.Errorf("got %d saves, want 1", n)
	}
}

// curious is a log handler that adds the user of the context's session.
type curious struct{ slog.Handler }

func look(ctx context.Context) {
	if s := sessions.FromContext(ctx); s != nil {
		s.Get("user")
	}
}

func (c curious) Enabled(ctx context.Context, _ slog.Level) bool { look(ctx); return true }

func (c curious) Handle(ctx context.Context, r slog.Record) error {
	look(ctx)
	return c.Handler.Handle(ctx, r)
}

// curiousStore does the same in each store call.
type curiousStore struct{ driver.Store }

func (s curiousStore) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	look(ctx)
	return s.Store.Load(ctx, key)
}

func (s curiousStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	look(ctx)
	return s.Store.Save(ctx, key, old, rec)
}

func (s curiousStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	look(ctx)
	return s.Store.Touch(ctx, key, rec)
}

func (s curiousStore) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	look(ctx)
	return s.Store.Delete(ctx, key, v)
}

func withContext(f func(s *sessions.Session, ctx context.Context)) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { f(sessions.FromContext(r.Context()), r.Context()) }
}

// A session is locked while it is loaded and committed. Store and log calls during that
// time find no session in the context, so they cannot deadlock.
func TestReentrantLoggersAndStores(t *testing.T) {
	for _, kind := range []string{"records", "sealed"} {
		t.Run(kind, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) {
				o.Logger = slog.New(curious{slog.NewTextHandler(io.Discard, nil)})
				o.WrapStore = func(s driver.Store) driver.Store {
					if _, ok := s.(driver.Sealer); ok {
						return s
					}
					return curiousStore{s}
				}
				if kind == "sealed" {
					o.Driver, o.Store, o.Cookie.Secret = nil, "sealed", testapp.Secret
				}
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				b := testapp.NewClient(t, a.Manager)
				save := func(s *sessions.Session, ctx context.Context) {
					if err := s.Save(ctx); err != nil {
						t.Error(err)
					}
				}
				for name, f := range map[string]func(s *sessions.Session, ctx context.Context){
					"create":     func(s *sessions.Session, ctx context.Context) { s.Set("user", "ada"); save(s, ctx) },
					"update":     func(s *sessions.Session, ctx context.Context) { s.Set("user", "bob"); save(s, ctx) },
					"renew":      func(s *sessions.Session, ctx context.Context) { s.Set("n", 1); save(s, ctx); s.Renew(); save(s, ctx) },
					"invalidate": func(s *sessions.Session, ctx context.Context) { s.Invalidate(); s.Set("n", 2); save(s, ctx) },
					"destroy":    func(s *sessions.Session, ctx context.Context) { s.Set("n", 1); save(s, ctx); s.Destroy(ctx) },
					"fail":       func(s *sessions.Session, ctx context.Context) { s.Set("n", "x"); sessions.Key[int]("n").Get(s) },
				} {
					t.Log(name)
					b.Serve(withContext(f))
					b.Serve(withContext(func(s *sessions.Session, _ context.Context) { s.Get("user") }))
				}
			}()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("a logger or store waits for a locked session")
			}
		})
	}
}
