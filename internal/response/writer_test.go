package response

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// abilitiesOf names the optional interfaces that a writer has.
func abilitiesOf(w http.ResponseWriter) (has string) {
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

// view returns the view of a server's writer.
func view(server http.ResponseWriter, c Committer) http.ResponseWriter {
	s := State{Writer: server, Committer: c}
	return s.View()
}

// A view offers the optional interfaces of the server's writer, and no others.
// Whatever sends the header commits first.
func TestViews(t *testing.T) {
	for bits := range 32 {
		abilities := ""
		for i, a := range "FHRPC" {
			if bits>>i&1 == 1 {
				abilities += string(a)
			}
		}
		t.Run(abilities, func(t *testing.T) {
			want := viewOf(abilities)
			// Two views, as of two managers, one around the other.
			serve := func(h func(w http.ResponseWriter)) *recorder {
				rec := newRecorder()
				server := writerWith(abilities, rec)
				if has := abilitiesOf(server); has != abilities {
					t.Fatalf("the recorder has %q", has)
				}
				h(view(view(server, rec), rec))
				return rec
			}
			serve(func(w http.ResponseWriter) {
				if has := abilitiesOf(w); has != want {
					t.Errorf("got abilities %q, want %q", has, want)
				}
			})

			uses := map[string]func(w http.ResponseWriter){
				"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(200) },
				"Write":       func(w http.ResponseWriter) { w.Write(nil) },
			}
			if strings.Contains(want, "F") {
				uses["Flush"] = func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
			}
			if strings.Contains(want, "H") {
				uses["Hijack"] = func(w http.ResponseWriter) { w.(http.Hijacker).Hijack() }
			}
			src := strings.NewReader("text")
			if strings.Contains(want, "R") {
				uses["ReadFrom"] = func(w http.ResponseWriter) {
					if n, err := w.(io.ReaderFrom).ReadFrom(src); n != 42 || err != nil {
						t.Errorf("ReadFrom: got %d, %v; want 42", n, err)
					}
				}
			}
			for call, use := range uses {
				rec := serve(use)
				if want := []string{call + " after the commit"}; !slices.Equal(rec.calls, want) {
					t.Errorf("the server's writer got %q, want %q", rec.calls, want)
				}
				// The very reader: net/http uses sendfile for a file.
				if call == "ReadFrom" && rec.src != io.Reader(src) {
					t.Errorf("the server's ReadFrom got a %T", rec.src)
				}
			}

			if strings.Contains(want, "P") {
				rec := serve(func(w http.ResponseWriter) { w.(http.Pusher).Push("/style.css", nil) })
				if want := []string{"Push /style.css"}; !slices.Equal(rec.calls, want) {
					t.Errorf("the server's writer got %q, want %q", rec.calls, want)
				}
			}
			if strings.Contains(want, "C") {
				var closed <-chan bool
				rec := serve(func(w http.ResponseWriter) {
					//lint:ignore SA1019 see abilitiesOf
					closed = w.(http.CloseNotifier).CloseNotify()
				})
				if closed != (<-chan bool)(rec.closed) {
					t.Error("CloseNotify is not the server's")
				}
			}

			// ResponseController finds the same, and commits first as well.
			for call, can := range map[string]bool{"Flush": strings.Contains(abilities, "F"), "Hijack": strings.Contains(abilities, "H")} {
				rec := serve(func(w http.ResponseWriter) {
					err := controllerCall(w, call)
					if can != (err == nil) || !can && !errors.Is(err, http.ErrNotSupported) {
						t.Errorf("ResponseController.%s: %v", call, err)
					}
				})
				if can && (len(rec.calls) != 1 || rec.calls[0] != call+" after the commit") {
					t.Errorf("the server's writer got %q", rec.calls)
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
	plainWriter
	err error
}

func (f errorFlusher) FlushError() error {
	f.w.note("Flush")
	return f.err
}

// deadlineWriter takes deadlines.
type deadlineWriter struct {
	plainWriter
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

func TestResponseController(t *testing.T) {
	for _, call := range []string{"Flush", "Hijack"} {
		for where, wrap := range map[string]func(server http.ResponseWriter, c Committer) http.ResponseWriter{
			"around the view": func(server http.ResponseWriter, c Committer) http.ResponseWriter { return view(unwrapOnly{server}, c) },
			"inside the view": func(server http.ResponseWriter, c Committer) http.ResponseWriter {
				return unwrapOnly{unwrapOnly{view(server, c)}}
			},
		} {
			t.Run(call+" "+where, func(t *testing.T) {
				rec := newRecorder()
				if err := controllerCall(wrap(writerWith("FH", rec), rec), call); err != nil {
					t.Error(err)
				}
				if want := []string{call + " after the commit"}; !slices.Equal(rec.calls, want) {
					t.Errorf("the server's writer got %q, want %q", rec.calls, want)
				}
			})
		}
	}

	t.Run("FlushError", func(t *testing.T) {
		broken := errors.New("broken pipe")
		rec := newRecorder()
		w := view(unwrapOnly{errorFlusher{plainWriter{rec}, broken}}, rec)
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, broken) {
			t.Errorf("got error %v, want the server's", err)
		}
		if want := []string{"Flush after the commit"}; !slices.Equal(rec.calls, want) {
			t.Errorf("the server's writer got %q, want %q", rec.calls, want)
		}
	})

	// None of these sends the header, so none commits.
	t.Run("deadlines", func(t *testing.T) {
		var got []string
		rec := newRecorder()
		rc := http.NewResponseController(view(deadlineWriter{plainWriter{rec}, &got}, rec))
		if err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}), rc.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
		if want := []string{"read deadline", "write deadline", "full duplex"}; !slices.Equal(got, want) {
			t.Errorf("the server's writer got %q, want %q", got, want)
		}
		if rec.committed {
			t.Error("the session is committed before the header is sent")
		}
	})

	// A writer that cannot flush does not send its header when it is asked to.
	t.Run("not supported", func(t *testing.T) {
		rec := newRecorder()
		w := view(plainWriter{rec}, rec)
		for _, call := range []string{"Flush", "Hijack"} {
			if err := controllerCall(w, call); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("%s: got error %v, want ErrNotSupported", call, err)
			}
		}
		if rec.committed {
			t.Error("the session is committed before the header is sent")
		}
	})
}

// failing is a Committer that cannot commit.
type failing struct{ err error }

func (f failing) CommitBeforeHeader() error { return f.err }

// After a commit that failed the error page has been sent: nothing of the
// handler's response reaches the server's writer.
func TestFailedCommit(t *testing.T) {
	outage := errors.New("outage")
	rec := newRecorder()
	s := &State{Writer: writerWith("FHR", rec), Committer: failing{outage}, Discard: http.Header{}}
	w := s.View()
	w.Header().Set("X-Page", "1")
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	_, written := w.Write([]byte("page"))
	hijacked := controllerCall(w, "Hijack")
	_, copied := w.(io.ReaderFrom).ReadFrom(strings.NewReader("page"))
	for call, err := range map[string]error{
		"Write": written, "Hijack": hijacked, "ReadFrom": copied, "Flush": http.NewResponseController(w).Flush(),
	} {
		if !errors.Is(err, outage) {
			t.Errorf("%s: got error %v, want the commit's", call, err)
		}
	}
	if len(rec.calls) > 0 || len(rec.header) > 0 {
		t.Errorf("the server's writer got %q and the header %v, want nothing", rec.calls, rec.header)
	}
}

// Informational responses do not commit; every final status does, 101 among them.
func TestStatus(t *testing.T) {
	for status, final := range map[int]bool{100: false, 101: true, 102: false, 103: false, 199: false, 200: true, 302: true, 404: true, 503: true, 999: true} {
		rec := newRecorder()
		view(plainWriter{rec}, rec).WriteHeader(status)
		if rec.committed != final || len(rec.calls) != 1 {
			t.Errorf("%d: committed is %v, want %v; calls %q", status, rec.committed, final, rec.calls)
		}
	}
}
