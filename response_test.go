package sessions_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// clientWriter is a server's ResponseWriter that notes what it is told, and
// whether the session's cookie was in the header by then.
type clientWriter struct {
	header http.Header
	calls  []string
	src    io.Reader // what ReadFrom was given
	closed chan bool
}

func newClientWriter() *clientWriter {
	return &clientWriter{header: make(http.Header), closed: make(chan bool)}
}

func (w *clientWriter) note(call string) {
	if len(w.header["Set-Cookie"]) > 0 {
		call += " with cookie"
	}
	w.calls = append(w.calls, call)
}

// clientPlainWriter and the types after it are the parts of which writers with
// more or fewer abilities are made.
type clientPlainWriter struct{ w *clientWriter }

func (p clientPlainWriter) Header() http.Header { return p.w.header }

func (p clientPlainWriter) WriteHeader(int) { p.w.note("WriteHeader") }

func (p clientPlainWriter) Write(b []byte) (int, error) {
	p.w.note("Write")
	return len(b), nil
}

type clientFlusher struct{ w *clientWriter }

func (f clientFlusher) Flush() { f.w.note("Flush") }

type clientHijacker struct{ w *clientWriter }

func (h clientHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.w.note("Hijack")
	return nil, nil, nil
}

type clientReaderFrom struct{ w *clientWriter }

func (r clientReaderFrom) ReadFrom(src io.Reader) (int64, error) {
	r.w.note("ReadFrom")
	r.w.src = src
	return 42, nil
}

type clientPusher struct{ w *clientWriter }

func (p clientPusher) Push(target string, _ *http.PushOptions) error {
	p.w.note("Push " + target)
	return nil
}

type clientCloseNotifier struct{ w *clientWriter }

func (c clientCloseNotifier) CloseNotify() <-chan bool { return c.w.closed }

// clientWriterWith returns a writer that has exactly the abilities in the list:
// F, H, R, P and C, for the types above in their order.
func clientWriterWith(abilities string, w *clientWriter) http.ResponseWriter {
	plain := clientPlainWriter{w}
	f, h, r, p, c := clientFlusher{w}, clientHijacker{w}, clientReaderFrom{w}, clientPusher{w}, clientCloseNotifier{w}
	switch abilities {
	case "":
		return plain
	case "F":
		return struct {
			clientPlainWriter
			clientFlusher
		}{plain, f}
	case "H":
		return struct {
			clientPlainWriter
			clientHijacker
		}{plain, h}
	case "FH":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
		}{plain, f, h}
	case "R":
		return struct {
			clientPlainWriter
			clientReaderFrom
		}{plain, r}
	case "FR":
		return struct {
			clientPlainWriter
			clientFlusher
			clientReaderFrom
		}{plain, f, r}
	case "HR":
		return struct {
			clientPlainWriter
			clientHijacker
			clientReaderFrom
		}{plain, h, r}
	case "FHR":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientReaderFrom
		}{plain, f, h, r}
	case "P":
		return struct {
			clientPlainWriter
			clientPusher
		}{plain, p}
	case "FP":
		return struct {
			clientPlainWriter
			clientFlusher
			clientPusher
		}{plain, f, p}
	case "HP":
		return struct {
			clientPlainWriter
			clientHijacker
			clientPusher
		}{plain, h, p}
	case "FHP":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientPusher
		}{plain, f, h, p}
	case "RP":
		return struct {
			clientPlainWriter
			clientReaderFrom
			clientPusher
		}{plain, r, p}
	case "FRP":
		return struct {
			clientPlainWriter
			clientFlusher
			clientReaderFrom
			clientPusher
		}{plain, f, r, p}
	case "HRP":
		return struct {
			clientPlainWriter
			clientHijacker
			clientReaderFrom
			clientPusher
		}{plain, h, r, p}
	case "FHRP":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientReaderFrom
			clientPusher
		}{plain, f, h, r, p}
	case "C":
		return struct {
			clientPlainWriter
			clientCloseNotifier
		}{plain, c}
	case "FC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientCloseNotifier
		}{plain, f, c}
	case "HC":
		return struct {
			clientPlainWriter
			clientHijacker
			clientCloseNotifier
		}{plain, h, c}
	case "FHC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientCloseNotifier
		}{plain, f, h, c}
	case "RC":
		return struct {
			clientPlainWriter
			clientReaderFrom
			clientCloseNotifier
		}{plain, r, c}
	case "FRC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientReaderFrom
			clientCloseNotifier
		}{plain, f, r, c}
	case "HRC":
		return struct {
			clientPlainWriter
			clientHijacker
			clientReaderFrom
			clientCloseNotifier
		}{plain, h, r, c}
	case "FHRC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientReaderFrom
			clientCloseNotifier
		}{plain, f, h, r, c}
	case "PC":
		return struct {
			clientPlainWriter
			clientPusher
			clientCloseNotifier
		}{plain, p, c}
	case "FPC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientPusher
			clientCloseNotifier
		}{plain, f, p, c}
	case "HPC":
		return struct {
			clientPlainWriter
			clientHijacker
			clientPusher
			clientCloseNotifier
		}{plain, h, p, c}
	case "FHPC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientPusher
			clientCloseNotifier
		}{plain, f, h, p, c}
	case "RPC":
		return struct {
			clientPlainWriter
			clientReaderFrom
			clientPusher
			clientCloseNotifier
		}{plain, r, p, c}
	case "FRPC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientReaderFrom
			clientPusher
			clientCloseNotifier
		}{plain, f, r, p, c}
	case "HRPC":
		return struct {
			clientPlainWriter
			clientHijacker
			clientReaderFrom
			clientPusher
			clientCloseNotifier
		}{plain, h, r, p, c}
	case "FHRPC":
		return struct {
			clientPlainWriter
			clientFlusher
			clientHijacker
			clientReaderFrom
			clientPusher
			clientCloseNotifier
		}{plain, f, h, r, p, c}
	default:
		panic("no such writer: " + abilities)
	}
}

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
