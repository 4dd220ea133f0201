package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestErrorPageOverHTTP(t *testing.T) {
	onServers(t, sessions.Options{}, func(t *testing.T, srv *testServer) {
		srv.store.On("Save", func(context.Context) error { return errors.New("outage") })
		srv.handle("/", func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
			s.Set("n", 1)
			w.Header().Set("Content-Length", "7")
			io.WriteString(w, "welcome")
			http.NewResponseController(w).Flush()
		})
		resp, body := srv.get(t, "GET", "/")
		if resp.StatusCode != 503 || body != "Service Unavailable\n" {
			t.Errorf("got %d %q, want the error page", resp.StatusCode, body)
		}
		testapp.NoCookie(t, resp)
	})
}

func TestErrorHandlerReceivesCause(t *testing.T) {
	for name, test := range map[string]struct {
		fault  error
		status int
	}{
		"outage":       {testapp.ErrDown, http.StatusServiceUnavailable},
		"closed":       {sessions.ErrClosed, http.StatusServiceUnavailable},
		"newer format": {sessions.ErrNewerFormat, http.StatusServiceUnavailable},
		"too large":    {sessions.ErrTooLarge, http.StatusInternalServerError},
	} {
		for _, kind := range []string{"Load", "Save"} {
			t.Run(name+" at "+kind, func(t *testing.T) {
				var got []error
				a := testapp.New(t)
				c := a.SignedIn()
				fault := testapp.Fault{Err: fmt.Errorf("fake: %w", test.fault)}
				a.Store.Next(kind, fault, fault, fault)
				res := c.Fails(test.status, testapp.Increment)
				wantGenericErrorPage(t, c, res)

				a.Deploy(func(o *sessions.Options) {
					o.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
						got = append(got, err)
						w.WriteHeader(http.StatusTeapot)
						w.Write([]byte("our own page"))
					}
				})
				a.Store.Next(kind, fault, fault, fault)
				res = c.Do(testapp.Increment)
				testapp.Equal(t, "status", res.StatusCode, http.StatusTeapot)
				testapp.Equal(t, "body", res.Body, "our own page")
				if len(got) != 1 || !errors.Is(got[0], test.fault) {
					t.Errorf("ErrorHandler got error %v", got)
				}
			})
		}
	}
}

// The response to a failed save is the error page, without the handler's output.
func TestErrorPageReplacesResponse(t *testing.T) {
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
					// Fields that would make a proxy send a file, or a cache keep the page.
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
						t.Error("Write returned no error")
					}
				}
				w.WriteHeader(200)
			})
			body := resp.Body
			if resp.StatusCode != 503 || body != "Service Unavailable\n" {
				t.Errorf("got %d %q, want the error page", resp.StatusCode, body)
			}
			for field := range resp.Header {
				if !slices.Contains([]string{"Content-Type", "Cache-Control", "Vary", "X-Request-Id", "X-Content-Type-Options"}, field) {
					t.Errorf("got %s: %q on the error page", field, resp.Header[field])
				}
			}
			if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
				t.Errorf("got Content-Type %s", got)
			}
			if got := resp.Header["Cache-Control"]; !slices.Equal(got, []string{"no-store"}) {
				t.Errorf("got Cache-Control %q, want no-store", got)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "10.1.2.3") {
				t.Errorf("got log %q, want one error with its cause", log.String())
			}
		})
	}
}

func TestErrorHandlerResponse(t *testing.T) {
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
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, c.status, c.body)
			}
			if !errors.Is(got, outage) {
				t.Errorf("ErrorHandler got error %v", got)
			}
			testapp.NoCookie(t, resp)
		})
	}
}

// A handler that continues after the error page was written does not change it, even
// if an outer writer sends the header later.
func TestErrorPageInBufferingWriter(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	store.On("Save", func(context.Context) error { return errors.New("outage") })
	h := http.TimeoutHandler(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("n", 1)
		w.Header().Set("X-Request-Id", "7")
		if _, err := io.WriteString(w, "welcome"); err == nil {
			t.Error("Write returned no error")
		}
		if got := w.Header().Get("X-Request-Id"); got != "7" {
			t.Errorf("the handler reads %q from its header map", got)
		}
		w.Header().Set("X-Accel-Redirect", "/private/invoice.pdf")
		http.SetCookie(w, &http.Cookie{Name: "pump-session", Value: "x"})
		http.Redirect(w, r, "/home", http.StatusFound)
	})), time.Hour, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || w.Body.String() != "Service Unavailable\n" {
		t.Errorf("got %d %q, want the error page", w.Code, w.Body)
	}
	for _, field := range []string{"Location", "X-Accel-Redirect", "Set-Cookie"} {
		testapp.Equal(t, field, w.Header().Get(field), "")
	}
	testapp.Equal(t, "X-Request-Id", w.Header().Get("X-Request-Id"), "7")
}

// The error page does not have the handler's Content-Encoding, but keeps that of an
// outer middleware, which encodes the page too.
func TestErrorPageDropsHandlerHeaders(t *testing.T) {
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

func TestErrorPageStatus(t *testing.T) {
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
				t.Errorf("got status %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}
