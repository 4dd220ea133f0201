package response

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder is a server's ResponseWriter that notes what it is told, and
// whether the session was committed before.
type recorder struct {
	header    http.Header
	committed bool
	calls     []string
	src       io.Reader // what ReadFrom was given
	closed    chan bool
}

func newRecorder() *recorder {
	return &recorder{header: make(http.Header), closed: make(chan bool)}
}

func (w *recorder) note(call string) {
	if w.committed {
		call += " after the commit"
	}
	w.calls = append(w.calls, call)
}

// CommitBeforeHeader implements Committer.
func (w *recorder) CommitBeforeHeader() error {
	w.committed = true
	return nil
}

// plainWriter and the types after it are the parts of which writers with
// more or fewer abilities are made.
type plainWriter struct{ w *recorder }

func (p plainWriter) Header() http.Header { return p.w.header }

func (p plainWriter) WriteHeader(int) { p.w.note("WriteHeader") }

func (p plainWriter) Write(b []byte) (int, error) {
	p.w.note("Write")
	return len(b), nil
}

type flusher struct{ w *recorder }

func (f flusher) Flush() { f.w.note("Flush") }

type hijacker struct{ w *recorder }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.w.note("Hijack")
	return nil, nil, nil
}

type readerFrom struct{ w *recorder }

func (r readerFrom) ReadFrom(src io.Reader) (int64, error) {
	r.w.note("ReadFrom")
	r.w.src = src
	return 42, nil
}

type pusher struct{ w *recorder }

func (p pusher) Push(target string, _ *http.PushOptions) error {
	p.w.note("Push " + target)
	return nil
}

type closeNotifier struct{ w *recorder }

func (c closeNotifier) CloseNotify() <-chan bool { return c.w.closed }

// writerWith returns a writer that has exactly the abilities in the list:
// F, H, R, P and C, for the types above in their order.
func writerWith(abilities string, w *recorder) http.ResponseWriter {
	plain := plainWriter{w}
	f, h, r, p, c := flusher{w}, hijacker{w}, readerFrom{w}, pusher{w}, closeNotifier{w}
	switch abilities {
	case "":
		return plain
	case "F":
		return struct {
			plainWriter
			flusher
		}{plain, f}
	case "H":
		return struct {
			plainWriter
			hijacker
		}{plain, h}
	case "FH":
		return struct {
			plainWriter
			flusher
			hijacker
		}{plain, f, h}
	case "R":
		return struct {
			plainWriter
			readerFrom
		}{plain, r}
	case "FR":
		return struct {
			plainWriter
			flusher
			readerFrom
		}{plain, f, r}
	case "HR":
		return struct {
			plainWriter
			hijacker
			readerFrom
		}{plain, h, r}
	case "FHR":
		return struct {
			plainWriter
			flusher
			hijacker
			readerFrom
		}{plain, f, h, r}
	case "P":
		return struct {
			plainWriter
			pusher
		}{plain, p}
	case "FP":
		return struct {
			plainWriter
			flusher
			pusher
		}{plain, f, p}
	case "HP":
		return struct {
			plainWriter
			hijacker
			pusher
		}{plain, h, p}
	case "FHP":
		return struct {
			plainWriter
			flusher
			hijacker
			pusher
		}{plain, f, h, p}
	case "RP":
		return struct {
			plainWriter
			readerFrom
			pusher
		}{plain, r, p}
	case "FRP":
		return struct {
			plainWriter
			flusher
			readerFrom
			pusher
		}{plain, f, r, p}
	case "HRP":
		return struct {
			plainWriter
			hijacker
			readerFrom
			pusher
		}{plain, h, r, p}
	case "FHRP":
		return struct {
			plainWriter
			flusher
			hijacker
			readerFrom
			pusher
		}{plain, f, h, r, p}
	case "C":
		return struct {
			plainWriter
			closeNotifier
		}{plain, c}
	case "FC":
		return struct {
			plainWriter
			flusher
			closeNotifier
		}{plain, f, c}
	case "HC":
		return struct {
			plainWriter
			hijacker
			closeNotifier
		}{plain, h, c}
	case "FHC":
		return struct {
			plainWriter
			flusher
			hijacker
			closeNotifier
		}{plain, f, h, c}
	case "RC":
		return struct {
			plainWriter
			readerFrom
			closeNotifier
		}{plain, r, c}
	case "FRC":
		return struct {
			plainWriter
			flusher
			readerFrom
			closeNotifier
		}{plain, f, r, c}
	case "HRC":
		return struct {
			plainWriter
			hijacker
			readerFrom
			closeNotifier
		}{plain, h, r, c}
	case "FHRC":
		return struct {
			plainWriter
			flusher
			hijacker
			readerFrom
			closeNotifier
		}{plain, f, h, r, c}
	case "PC":
		return struct {
			plainWriter
			pusher
			closeNotifier
		}{plain, p, c}
	case "FPC":
		return struct {
			plainWriter
			flusher
			pusher
			closeNotifier
		}{plain, f, p, c}
	case "HPC":
		return struct {
			plainWriter
			hijacker
			pusher
			closeNotifier
		}{plain, h, p, c}
	case "FHPC":
		return struct {
			plainWriter
			flusher
			hijacker
			pusher
			closeNotifier
		}{plain, f, h, p, c}
	case "RPC":
		return struct {
			plainWriter
			readerFrom
			pusher
			closeNotifier
		}{plain, r, p, c}
	case "FRPC":
		return struct {
			plainWriter
			flusher
			readerFrom
			pusher
			closeNotifier
		}{plain, f, r, p, c}
	case "HRPC":
		return struct {
			plainWriter
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{plain, h, r, p, c}
	case "FHRPC":
		return struct {
			plainWriter
			flusher
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{plain, f, h, r, p, c}
	default:
		panic("no such writer: " + abilities)
	}
}
