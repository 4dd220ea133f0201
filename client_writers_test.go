package sessions_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
func (p clientPlainWriter) WriteHeader(int)     { p.w.note("WriteHeader") }
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
