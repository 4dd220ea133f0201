package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// writerAbilities names the optional interfaces that a writer has.
func writerAbilities(w http.ResponseWriter) (has string) {
	if _, ok := w.(http.Flusher); ok {
		has += "F"
	}
	if _, ok := w.(http.Hijacker); ok {
		has += "H"
	}
	if _, ok := w.(io.ReaderFrom); ok {
		has += "R"
	}
	if _, ok := w.(http.Pusher); ok {
		has += "P"
	}
	//lint:ignore SA1019 what the server's writer offers has to stay
	if _, ok := w.(http.CloseNotifier); ok {
		has += "C"
	}
	return has
}

// viewOf names the optional interfaces of the view of a writer that has these.
func viewOf(abilities string) string {
	for _, view := range []string{"FHRC", "FHR", "FH", "FPC", "FP", "F", "H", "R"} {
		has := true
		for _, a := range view {
			has = has && strings.ContainsRune(abilities, a)
		}
		if has {
			return view
		}
	}
	return ""
}

// The handler's writer offers the optional interfaces of the server's, and no
// others; what sends the header commits the session first.
func TestTheWriterKeepsItsInterfaces(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	outer, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "outer"}})
	for bits := range 32 {
		abilities := ""
		for i, a := range "FHRPC" {
			if bits>>i&1 == 1 {
				abilities += string(a)
			}
		}
		t.Run(abilities, func(t *testing.T) {
			view := viewOf(abilities)
			serve := func(h func(w http.ResponseWriter, s *sessions.Session)) *clientWriter {
				fake := newClientWriter()
				server := clientWriterWith(abilities, fake)
				if has := writerAbilities(server); has != abilities {
					t.Fatalf("the fake has %q", has)
				}
				outer.Wrap(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h(w, sessions.FromContext(r.Context()))
				}))).ServeHTTP(server, httptest.NewRequest("GET", "/", nil))
				return fake
			}
			serve(func(w http.ResponseWriter, _ *sessions.Session) {
				if has := writerAbilities(w); has != view {
					t.Errorf("the wrapped writer has %q, want %q", has, view)
				}
			})

			uses := map[string]func(w http.ResponseWriter){
				"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(200) },
				"Write":       func(w http.ResponseWriter) { w.Write(nil) },
			}
			if strings.Contains(view, "F") {
				uses["Flush"] = func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
			}
			if strings.Contains(view, "H") {
				uses["Hijack"] = func(w http.ResponseWriter) { w.(http.Hijacker).Hijack() }
			}
			src := strings.NewReader("text")
			if strings.Contains(view, "R") {
				uses["ReadFrom"] = func(w http.ResponseWriter) {
					if n, err := w.(io.ReaderFrom).ReadFrom(src); n != 42 || err != nil {
						t.Errorf("ReadFrom: %d, %v", n, err)
					}
				}
			}
			for call, use := range uses {
				fake := serve(func(w http.ResponseWriter, s *sessions.Session) {
					s.Set("n", 1)
					use(w)
				})
				if want := []string{call + " with cookie"}; !slices.Equal(fake.calls, want) {
					t.Errorf("the server's writer sees %q, want %q", fake.calls, want)
				}
				// The very reader: net/http uses sendfile for a file.
				if call == "ReadFrom" && fake.src != io.Reader(src) {
					t.Errorf("the server's ReadFrom gets a %T", fake.src)
				}
			}

			if strings.Contains(view, "P") {
				fake := serve(func(w http.ResponseWriter, s *sessions.Session) {
					s.Set("n", 1)
					w.(http.Pusher).Push("/style.css", nil)
				})
				if want := []string{"Push /style.css"}; !slices.Equal(fake.calls, want) {
					t.Errorf("the server's writer sees %q, want %q", fake.calls, want)
				}
			}
			if strings.Contains(view, "C") {
				var closed <-chan bool
				fake := serve(func(w http.ResponseWriter, s *sessions.Session) {
					//lint:ignore SA1019 see writerAbilities
					closed = w.(http.CloseNotifier).CloseNotify()
				})
				if closed != (<-chan bool)(fake.closed) {
					t.Error("CloseNotify is not the server's")
				}
			}

			// ResponseController finds the same, and commits first as well.
			for call, can := range map[string]bool{"Flush": strings.Contains(abilities, "F"), "Hijack": strings.Contains(abilities, "H")} {
				fake := serve(func(w http.ResponseWriter, s *sessions.Session) {
					s.Set("n", 1)
					err := controllerCall(w, call)
					if can != (err == nil) || !can && !errors.Is(err, http.ErrNotSupported) {
						t.Errorf("ResponseController.%s: %v", call, err)
					}
				})
				if can && (len(fake.calls) != 1 || fake.calls[0] != call+" with cookie") {
					t.Errorf("the server's writer sees %q", fake.calls)
				}
			}
		})
	}
}

func controllerCall(w http.ResponseWriter, call string) error {
	rc := http.NewResponseController(w)
	if call == "Flush" {
		return rc.Flush()
	}
	_, _, err := rc.Hijack()
	return err
}

// unwrapOnly hides a writer's abilities behind Unwrap, as the wrappers of chi
// and others do.
type unwrapOnly struct{ http.ResponseWriter }

func (u unwrapOnly) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// errorFlusher can flush, and say that it failed, and has no Flush.
type errorFlusher struct {
	clientPlainWriter
	err error
}

func (f errorFlusher) FlushError() error {
	f.w.note("Flush")
	return f.err
}

// deadlineWriter takes deadlines.
type deadlineWriter struct {
	clientPlainWriter
	got *[]string
}

func (d deadlineWriter) SetReadDeadline(time.Time) error {
	*d.got = append(*d.got, "read deadline")
	return nil
}

func (d deadlineWriter) SetWriteDeadline(time.Time) error {
	*d.got = append(*d.got, "write deadline")
	return nil
}

func (d deadlineWriter) EnableFullDuplex() error {
	*d.got = append(*d.got, "full duplex")
	return nil
}

func TestAResponseControllerFindsItsWayThroughUnwrap(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	set := func(w http.ResponseWriter, r *http.Request) { sessions.FromContext(r.Context()).Set("n", 1) }
	r := httptest.NewRequest("GET", "/", nil)

	for _, call := range []string{"Flush", "Hijack"} {
		for where, serve := range map[string]func(server http.ResponseWriter, h http.Handler){
			"around the session's": func(server http.ResponseWriter, h http.Handler) { m.Wrap(h).ServeHTTP(unwrapOnly{server}, r) },
			"inside the session's": func(server http.ResponseWriter, h http.Handler) {
				m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(unwrapOnly{unwrapOnly{w}}, r)
				})).ServeHTTP(server, r)
			},
		} {
			t.Run(call+" "+where, func(t *testing.T) {
				fake := newClientWriter()
				serve(clientWriterWith("FH", fake), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					set(w, r)
					if err := controllerCall(w, call); err != nil {
						t.Error(err)
					}
				}))
				if want := []string{call + " with cookie"}; !slices.Equal(fake.calls, want) {
					t.Errorf("the server's writer sees %q, want %q", fake.calls, want)
				}
			})
		}
	}

	t.Run("FlushError", func(t *testing.T) {
		broken := errors.New("broken pipe")
		fake := newClientWriter()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			set(w, r)
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, broken) {
				t.Errorf("got %v, want the server's error", err)
			}
		})).ServeHTTP(unwrapOnly{errorFlusher{clientPlainWriter{fake}, broken}}, r)
		if want := []string{"Flush with cookie"}; !slices.Equal(fake.calls, want) {
			t.Errorf("the server's writer sees %q, want %q", fake.calls, want)
		}
	})

	t.Run("deadlines", func(t *testing.T) {
		var got []string
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			if err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}), rc.EnableFullDuplex()); err != nil {
				t.Error(err)
			}
			// None of these sends the header: the session can still begin.
			set(w, r)
			if err := sessions.FromContext(r.Context()).Save(t.Context()); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(deadlineWriter{clientPlainWriter{newClientWriter()}, &got}, r)
		if want := []string{"read deadline", "write deadline", "full duplex"}; !slices.Equal(got, want) {
			t.Errorf("the server's writer sees %q, want %q", got, want)
		}
	})

	// A writer that cannot flush has not sent its header by being asked to.
	t.Run("not supported", func(t *testing.T) {
		w := newClientWriter()
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, call := range []string{"Flush", "Hijack"} {
				if err := controllerCall(w, call); !errors.Is(err, http.ErrNotSupported) {
					t.Errorf("%s: %v", call, err)
				}
			}
			set(w, r)
		})).ServeHTTP(clientPlainWriter{w}, r)
		if len(w.header["Set-Cookie"]) != 1 {
			t.Error("the session has no cookie")
		}
	})
}

func TestAllWritesAreOneSave(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, m)
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("n", 1)
		io.WriteString(w, "one ")
		w.Write([]byte("two "))
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "three ")
		http.NewResponseController(w).Flush()
		io.Copy(w, strings.NewReader("four"))
	})
	if body := resp.Body; body != "one two three four" {
		t.Errorf("the body is %q", body)
	}
	if n := store.Total("Save"); n != 1 {
		t.Errorf("%d saves, want 1", n)
	}
	testapp.OneCookie(t, resp)
}

func TestAnUntouchedSessionCostsNothing(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	token := testapp.Login(t, m).Token()
	before := store.Total()
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sessions.FromContext(r.Context()) == nil {
			t.Error("no session")
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+token)
	for _, abilities := range []string{"", "F", "FHRC", "FPC"} {
		w := clientWriterWith(abilities, newClientWriter())
		fake := newClientWriter()
		fake.calls = make([]string, 0, 1000)
		w = clientWriterWith(abilities, fake)
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 4 {
			t.Errorf("%q: %v allocations", abilities, n)
		}
		if len(fake.header) > 0 {
			t.Errorf("%q: the header is %v", abilities, fake.header)
		}
	}
	if n := store.Total() - before; n != 0 {
		t.Errorf("%d store calls", n)
	}
}

// A failed save is answered with the error page and nothing of the handler's.
func TestTheErrorPageStandsAlone(t *testing.T) {
	const cause = "dial tcp 10.1.2.3:5432: password hunter2 refused"
	for name, write := range map[string]func(w http.ResponseWriter) error{
		"nothing": func(w http.ResponseWriter) error { return errors.New("nothing was written") },
		"Write": func(w http.ResponseWriter) error {
			_, err := w.Write([]byte("welcome"))
			return err
		},
		"WriteString": func(w http.ResponseWriter) error {
			_, err := io.WriteString(w, "welcome")
			return err
		},
		"WriteHeader and Write": func(w http.ResponseWriter) error {
			w.WriteHeader(http.StatusFound)
			_, err := w.Write([]byte("welcome"))
			return err
		},
		"ReadFrom": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, strings.NewReader("welcome"))
			return err
		},
		"Flush and Write": func(w http.ResponseWriter) error {
			w.(http.Flusher).Flush()
			_, err := w.Write([]byte("welcome"))
			return err
		},
		"FlushError": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			var log testapp.Log
			m, store := testapp.NewManager(t, sessions.Options{Logger: log.Logger(slog.LevelDebug)})
			store.On("Save", func(context.Context) error { return errors.New(cause) })
			resp := testapp.NewClient(t, m).Serve(func(w http.ResponseWriter, r *http.Request) {
				for field, value := range map[string]string{
					"Content-Length": "7", "Content-Encoding": "gzip", "Content-Range": "bytes 0-6/7", "Content-Type": "text/html",
					"Content-Disposition": "attachment", "ETag": `"1"`, "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
					"Location": "/home", "Accept-Ranges": "bytes", "Cache-Control": "public, max-age=3600", "X-Request-Id": "7",
					// What would have a proxy send a file, or a cache keep the page.
					"X-Accel-Redirect": "/private/invoice.pdf", "X-Sendfile": "/private/invoice.pdf", "X-Accel-Expires": "3600",
					"X-Lighttpd-Send-File": "/private/invoice.pdf", "X-Reproxy-Url": "http://10.1.1.1/", "CDN-Cache-Control": "max-age=3600",
					"Surrogate-Control": "max-age=3600", "Clear-Site-Data": `"cookies"`, http.TrailerPrefix + "Digest": "sha-256=x",
					"HX-Redirect": "/home", "HX-Trigger": "saved",
				} {
					w.Header().Set(field, value)
				}
				sessions.FromContext(r.Context()).Set("n", 1)
				for range 2 {
					if write(w) == nil {
						t.Error("writing reports no error")
					}
				}
				w.WriteHeader(200)
			})
			body := resp.Body
			if resp.StatusCode != 503 || body != "Service Unavailable\n" {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			for field := range resp.Header {
				if !slices.Contains([]string{"Content-Type", "Cache-Control", "Vary", "X-Request-Id", "X-Content-Type-Options"}, field) {
					t.Errorf("the page has %s: %q", field, resp.Header[field])
				}
			}
			if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
				t.Errorf("Content-Type: %s", got)
			}
			if got := resp.Header["Cache-Control"]; !slices.Equal(got, []string{"no-store"}) {
				t.Errorf("Cache-Control: %q", got)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "10.1.2.3") {
				t.Errorf("the log says %q, want one error with its cause", log.String())
			}
		})
	}
}

func TestAnErrorHandlerAnswersInItsWay(t *testing.T) {
	outage := errors.New("outage")
	for name, c := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request, err error)
		status  int
		body    string
	}{
		"its own page": {func(w http.ResponseWriter, r *http.Request, err error) {
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, "back ", "soon")
		}, http.StatusTeapot, "back soon"},
		"a body alone": {func(w http.ResponseWriter, r *http.Request, err error) { io.WriteString(w, "soon") }, 200, "soon"},
		"nothing":      {func(w http.ResponseWriter, r *http.Request, err error) {}, 503, ""},
		"copied":       {func(w http.ResponseWriter, r *http.Request, err error) { io.Copy(w, strings.NewReader("copy")) }, 200, "copy"},
		"looks at the session": {func(w http.ResponseWriter, r *http.Request, err error) {
			s := sessions.FromContext(r.Context())
			s.Set("late", 1)
			fmt.Fprint(w, s.Get("late"), s.Err())
		}, 200, "1 <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			m, store := testapp.NewManager(t, sessions.Options{ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				got = err
				c.handler(w, r, err)
			}})
			store.On("Save", func(context.Context) error { return outage })
			resp := testapp.NewClient(t, m).Serve(func(w http.ResponseWriter, r *http.Request) {
				sessions.FromContext(r.Context()).Set("n", 1)
				io.WriteString(w, "welcome")
			})
			body := resp.Body
			if resp.StatusCode != c.status || body != c.body {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body, c.status, c.body)
			}
			if !errors.Is(got, outage) {
				t.Errorf("the handler got the error %v", got)
			}
			testapp.NoCookie(t, resp)
		})
	}
}

// A handler that goes on after its answer was refused changes nothing of the
// page, though a writer further out may send the header only later.
func TestTheErrorPageStandsAloneInAWriterThatWaits(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	store.On("Save", func(context.Context) error { return errors.New("outage") })
	h := http.TimeoutHandler(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("n", 1)
		w.Header().Set("X-Request-Id", "7")
		if _, err := io.WriteString(w, "welcome"); err == nil {
			t.Error("writing reports no error")
		}
		if got := w.Header().Get("X-Request-Id"); got != "7" {
			t.Errorf("the handler reads %q from its header", got)
		}
		w.Header().Set("X-Accel-Redirect", "/private/invoice.pdf")
		http.SetCookie(w, &http.Cookie{Name: "pump-session", Value: "x"})
		http.Redirect(w, r, "/home", http.StatusFound)
	})), time.Hour, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || w.Body.String() != "Service Unavailable\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	for _, field := range []string{"Location", "X-Accel-Redirect", "Set-Cookie"} {
		testapp.Equal(t, field, w.Header().Get(field), "")
	}
	testapp.Equal(t, "X-Request-Id", w.Header().Get("X-Request-Id"), "7")
}

// The error page is not of the handler's kind, and it is coded as a middleware
// further out has announced, which codes whatever passes.
func TestTheErrorPageIsWhatItsHeaderSays(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
		io.WriteString(w, "<!doctype html>back soon")
	}})
	store.On("Save", func(context.Context) error { return errors.New("outage") })
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("n", 1)
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("Content-Language", "fr")
		w.Header().Set("Content-Encoding", "br")
		io.WriteString(w, "%PDF-1.7")
	}))
	for _, outer := range []string{"", "gzip"} {
		w := httptest.NewRecorder()
		if outer != "" {
			w.Header().Set("Content-Encoding", outer)
		}
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		got := w.Result().Header
		testapp.Equal(t, "Content-Encoding", got.Get("Content-Encoding"), outer)
		testapp.Equal(t, "Content-Language", got.Get("Content-Language"), "")
		testapp.Equal(t, "Content-Type", got.Get("Content-Type"), "text/html; charset=utf-8")
	}
}

func TestTheErrorPagesStatusSaysWhoseFaultItIs(t *testing.T) {
	for name, c := range map[string]struct {
		fault  error
		value  any
		status int
	}{
		"store down":           {errors.New("outage"), 1, 503},
		"session too large":    {sessions.ErrTooLarge, 1, 500},
		"store closed":         {sessions.ErrClosed, 1, 503},
		"value not encodable":  {nil, func() {}, 500},
		"value not encodable2": {nil, make(chan int), 500},
	} {
		t.Run(name, func(t *testing.T) {
			m, store := testapp.NewManager(t, sessions.Options{})
			store.On("Save", func(context.Context) error { return c.fault })
			if resp := testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Set("n", c.value) }); resp.StatusCode != c.status {
				t.Errorf("the status is %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}

// When the header has left, what needs no cookie is still saved with the end
// of the handler; what does need one is an error and stores nothing.
func TestChangesAfterTheHeader(t *testing.T) {
	t.Run("of a stored session are saved", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.Login(t, m)
		before := store.Total("Save")
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if store.Total("Save") != before {
				t.Error("saved before the end")
			}
		})
		testapp.NoCookie(t, resp)
		if b.User() != "bob" {
			t.Error("the change is lost")
		}
	})

	t.Run("of a new session are lost and logged", func(t *testing.T) {
		var log testapp.Log
		m, store := testapp.NewManager(t, sessions.Options{Logger: log.Logger(slog.LevelDebug)})
		b := testapp.NewClient(t, m)
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Save: %v, want ErrHeaderSent", err)
			}
		})
		if body := resp.Body; body != "hello" {
			t.Errorf("the body is %q: nothing may be appended", body)
		}
		testapp.NoCookie(t, resp)
		if n := len(store.RecordsByKey(t)); n != 0 {
			t.Errorf("%d records that nobody can reach", n)
		}
		if !strings.Contains(log.String(), "lost") {
			t.Errorf("the log says %q", log.String())
		}
	})

	t.Run("Renew and Invalidate are errors", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.Login(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			s := sessions.FromContext(r.Context())
			if err := s.Renew(); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Renew: %v, want ErrHeaderSent", err)
			}
			if err := s.Invalidate(); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Invalidate: %v, want ErrHeaderSent", err)
			}
		})
		if b.User() != "ann" || len(store.RecordsByKey(t)) != 1 {
			t.Error("the session is not as it was")
		}
	})

	t.Run("Destroy ends the session all the same", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.Login(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			if err := sessions.FromContext(r.Context()).Destroy(r.Context()); err != nil {
				t.Error(err)
			}
		})
		if b.User() != "" || len(store.RecordsByKey(t)) != 0 {
			t.Error("the session is still there")
		}
	})

	t.Run("in the cookie store are errors", func(t *testing.T) {
		m, _ := testapp.NewManager(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
		b := testapp.Login(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Save: %v, want ErrHeaderSent", err)
			}
			if err := s.Destroy(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Destroy: %v, want ErrHeaderSent", err)
			}
		})
		if b.User() != "ann" {
			t.Error("the session is not as it was")
		}
	})
}

// writerPanics runs a handler and returns what it panicked with, or "goexit".
// It fails the test if the handler never comes back.
func writerPanics(t *testing.T, h http.Handler, w http.ResponseWriter, r *http.Request) (value any) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			value = recover()
			if value == nil && !returned {
				value = "goexit"
			}
		}()
		h.ServeHTTP(w, r)
		returned = true
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the request hangs")
	}
	return value
}

func TestAPanicCommitsNothingAndGoesOn(t *testing.T) {
	custom := &struct{ reason string }{"mine"}
	for name, c := range map[string]struct {
		end  func()
		want any
	}{
		"value":           {func() { panic(custom) }, custom},
		"ErrAbortHandler": {func() { panic(http.ErrAbortHandler) }, http.ErrAbortHandler},
		"Goexit":          {runtime.Goexit, "goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
				m, store := testapp.NewManager(t, o)
				b := testapp.Login(t, m)
				var before int
				if store != nil {
					before = store.Total("Save") + store.Total("Delete")
				}
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Cookie", "pump-session="+b.Token())
				w := httptest.NewRecorder()
				got := writerPanics(t, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s := sessions.FromContext(r.Context())
					s.Set("user", "mallory")
					s.Renew()
					c.end()
				})), w, r)
				if got != c.want {
					t.Errorf("it panics with %v, want %v", got, c.want)
				}
				if len(w.Header()["Set-Cookie"]) > 0 {
					t.Errorf("Set-Cookie: %q", w.Header()["Set-Cookie"])
				}
				if store != nil && store.Total("Save")+store.Total("Delete") != before {
					t.Error("something was committed")
				}
				if b.User() != "ann" {
					t.Error("the session is not as it was")
				}
			})
		})
	}
}

// What the handler saved by itself before it panicked is done: the answer that
// a recovery further out gives must carry the new cookie, or the client is left
// with one that is dead.
func TestThePageOfAnOuterRecoveryCarriesTheCookie(t *testing.T) {
	cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		recovering := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					if recover() != nil {
						http.Error(w, "sorry", 500)
					}
				}()
				next.ServeHTTP(w, r)
			})
		}
		b := testapp.Login(t, m)
		serve := func(h http.HandlerFunc) *testapp.Response {
			t.Helper()
			b.Managers = nil
			resp := b.Send(httptest.NewRequest("GET", "/", nil), recovering(m.Wrap(h)))
			b.Managers = []*sessions.Manager{m}
			if resp.StatusCode != 500 {
				t.Errorf("the status is %d", resp.StatusCode)
			}
			return resp
		}

		old := b.Token()
		testapp.OneCookie(t, serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			s.Renew()
			if err := s.Save(r.Context()); err != nil {
				t.Error(err)
			}
			s.Set("user", "mallory")
			panic("after the renewal")
		}))
		if b.Token() == old || b.User() != "ann" {
			t.Error("the client does not have the renewed session")
		}

		c := testapp.OneCookie(t, serve(func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Destroy(r.Context())
			panic("after the logout")
		}))
		if c.MaxAge != -1 {
			t.Error("the cookie was not deleted")
		}
	})
}

type panickingText struct{}

func (panickingText) MarshalText() ([]byte, error) { panic("in MarshalText") }
func (*panickingText) UnmarshalText([]byte) error  { return nil }

// A panic of the program's or a store's code within the session's own work
// ends the request as any panic does; it does not block it.
func TestAPanicWithinTheCommitDoesNotHang(t *testing.T) {
	ends := map[string]http.HandlerFunc{
		"at the end":     func(w http.ResponseWriter, r *http.Request) {},
		"in Write":       func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) },
		"in WriteHeader": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) },
		"in Save":        func(w http.ResponseWriter, r *http.Request) { sessions.FromContext(r.Context()).Save(r.Context()) },
		"after the header": func(w http.ResponseWriter, r *http.Request) {
			// nothing: the handler below has flushed
		},
	}
	for where, end := range ends {
		for name, h := range map[string]func(s *sessions.Session, store *testapp.Store){
			"a value's MarshalText": func(s *sessions.Session, _ *testapp.Store) { s.Set("v", panickingText{}) },
			"an Update run again": func(s *sessions.Session, store *testapp.Store) {
				first := true
				sessions.Key[int]("v").Update(s, func(int) int {
					if !first {
						panic("in Update")
					}
					first = false
					return 1
				})
				store.On("Save", func(context.Context) error { return sessions.ErrConflict })
			},
			"the store's Save": func(s *sessions.Session, store *testapp.Store) {
				s.Set("v", 1)
				store.On("Save", func(context.Context) error { panic("in the store") })
			},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				m, store := testapp.NewManager(t, sessions.Options{})
				b := testapp.Login(t, m)
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Cookie", "pump-session="+b.Token())
				got := writerPanics(t, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if where == "after the header" {
						w.WriteHeader(200)
					}
					h(sessions.FromContext(r.Context()), store)
					end(w, r)
				})), httptest.NewRecorder(), r)
				if text, ok := got.(string); !ok || !strings.HasPrefix(text, "in ") {
					t.Errorf("it panics with %v", got)
				}
				store.On("Save", nil)
				if b.User() != "ann" {
					t.Error("the session is not as it was")
				}
			})
		}
	}
}

// A handler that recovers from a panic within the commit answers as one that
// was told of it further out: with the cookie of what was saved before, and
// without what was not. Nothing more is committed when the header has left.
func TestThePageOfAnInnerRecoveryCarriesTheCookie(t *testing.T) {
	a := testapp.New(t)
	for name, test := range map[string]struct {
		before func(*sessions.Session)
		user   string
	}{
		"nothing saved":     {func(s *sessions.Session) {}, "ann"},
		"a renewal saved":   {func(s *sessions.Session) { s.Renew(); s.Save(t.Context()) }, "ann"},
		"a session ended":   {func(s *sessions.Session) { s.Destroy(t.Context()) }, ""},
		"another one begun": {func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "bob"); s.Save(t.Context()) }, "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			c := a.SignedIn()
			res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					recover()
					http.Error(w, "sorry", http.StatusInternalServerError)
				}()
				s := sessions.FromContext(r.Context())
				test.before(s)
				s.Renew()
				testapp.User.Set(s, "eve")
				a.Store.Before("Save", func() { panic("in the store") })
				io.WriteString(w, "welcome")
			})
			testapp.Equal(t, "status", res.StatusCode, http.StatusInternalServerError)
			testapp.Equal(t, "page", res.Body, "sorry\n")
			testapp.Equal(t, "user", c.User(), test.user)
		})
	}
}

// A store that panics on loading leaves the session failed: to a handler that
// recovers, the user is not anonymous.
func TestAPanicWithinLoadingDoesNotHang(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.Login(t, m)
	store.On("Load", func(context.Context) error { panic("in Load") })
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if text := clientPanic(t, func() { s.Get("user") }); text != "in Load" {
			t.Errorf("it panics with %s", text)
		}
		if s.Err() == nil {
			t.Error("the session reads as a new one")
		}
		s.Set("user", "mallory")
	})
	if resp.StatusCode != 503 {
		t.Errorf("the status is %d", resp.StatusCode)
	}
	testapp.NoCookie(t, resp)
}

// The commit runs to its end whatever became of the client or of the handler's
// context, and within StoreTimeout.
func TestTheCommitOutlivesTheRequestsContext(t *testing.T) {
	type mark struct{}
	m, store := testapp.NewManager(t, sessions.Options{StoreTimeout: time.Minute})
	store.On("Save", func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			t.Errorf("the commit's context has ended: %v", err)
		}
		if ctx.Value(mark{}) != "trace" {
			t.Error("the commit's context has lost its values")
		}
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > time.Minute {
			t.Errorf("the commit's deadline is %v, %v", at, ok)
		}
		return nil
	})
	for name, h := range map[string]func(cancel func(), w http.ResponseWriter, r *http.Request){
		"cancelled from outside": func(cancel func(), _ http.ResponseWriter, _ *http.Request) { cancel() },
		"replaced": func(_ func(), w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }).ServeHTTP(w, r.WithContext(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := testapp.NewClient(t, m)
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), mark{}, "trace"))
			defer cancel()
			resp := b.Send(httptest.NewRequestWithContext(ctx, "GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sessions.FromContext(r.Context()).Set("user", "ann")
				h(cancel, w, r)
			}))
			testapp.OneCookie(t, resp)
			if b.User() != "ann" {
				t.Error("the change is lost")
			}
		})
	}
}

// The request's context is the server's, with the session added.
func TestTheRequestsContextIsKept(t *testing.T) {
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
			t.Errorf("after cancel its error is %v", ctx.Err())
		}
	}))
}

func TestSeveralManagersServeOneRequest(t *testing.T) {
	site, siteStore := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "site"}})
	shop, shopStore := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "shop"}})
	stranger, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, site, shop)
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if sessions.FromContext(ctx) != shop.FromContext(ctx) {
			t.Error("FromContext is not the innermost manager's")
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
		t.Fatalf("Set-Cookie: %q", resp.Header["Set-Cookie"])
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
		t.Errorf("the cookie is %v", c)
	}
	if b.User() != "bob" {
		t.Error("the other session has ended too")
	}

	// Where the inner one cannot save, its error page is the answer.
	shopStore.On("Save", func(context.Context) error { return errors.New("outage") })
	resp = b.Serve(func(w http.ResponseWriter, r *http.Request) {
		shop.FromContext(r.Context()).Set("n", 1)
		io.WriteString(w, "welcome")
	})
	if body := resp.Body; resp.StatusCode != 503 || strings.Contains(body, "welcome") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestWrappingTwiceWithOneManagerIsWrappingOnce(t *testing.T) {
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
		t.Errorf("%d saves, want 1", n)
	}
}

func TestTwoClientsAreIndependent(t *testing.T) {
	cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		visits := sessions.Key[int]("visits")
		visit := func(b *testapp.Client) (n int) {
			b.Visit(func(s *sessions.Session) { n = visits.Update(s, func(n int) int { return n + 1 }) })
			return n
		}
		ada, bob := testapp.NewClient(t, m), testapp.NewClient(t, m)
		var got []int
		for _, b := range []*testapp.Client{ada, bob, ada, ada, bob} {
			got = append(got, visit(b))
		}
		if want := []int{1, 1, 2, 3, 2}; !slices.Equal(got, want) {
			t.Errorf("visits %v, want %v", got, want)
		}
		ada.Visit(func(s *sessions.Session) { s.Destroy(t.Context()) })
		if n := visit(bob); n != 3 {
			t.Errorf("after the other's logout: visit %d, want 3", n)
		}
		if n := visit(ada); n != 1 {
			t.Errorf("after the logout: visit %d, want 1", n)
		}
	})
}

// net/http panics at a status of four digits. What was committed for it would
// never be told.
func TestStatusThatIsNone(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the writer took the status")
			}
		}()
		c.Serve(func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Renew()
			w.WriteHeader(1000)
		})
	}()
	testapp.Equal(t, "user under the id that the client has", c.User(), "ann")
}
