package sessions

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// The response as the handler sees it. It offers the optional interfaces that
// the server's writer has, and no others. The two of net/http, and a plain one,
// cost no allocation: each is a single pointer. responseas.go has the choice.

// response is what all of them share.
type response struct{ x *exchange }

func (w response) Header() http.Header {
	if w.x.failure != nil {
		return w.x.failure.header
	}
	return w.x.w.Header()
}

func (w response) WriteHeader(status int) {
	// Informational answers come before the header; 101 is final (RFC 9110, 15.2).
	// From 1000 on net/http panics, and what was committed would be untold.
	if final := status >= 200 && status < 1000 || status == http.StatusSwitchingProtocols; final && w.x.settle() != nil {
		return
	}
	w.x.w.WriteHeader(status)
}

func (w response) Write(b []byte) (int, error) {
	if err := w.x.settle(); err != nil {
		return 0, err
	}
	return w.x.w.Write(b)
}

func (w response) WriteString(s string) (int, error) {
	if err := w.x.settle(); err != nil {
		return 0, err
	}
	return io.WriteString(w.x.w, s)
}

// Unwrap is for http.ResponseController. What it leads to still commits the
// session before it flushes or hijacks.
func (w response) Unwrap() http.ResponseWriter { return controlled{w} }

// controlled is where http.ResponseController ends up when the writer itself
// lacks what it looks for. Deadlines and full duplex it finds further down.
type controlled struct{ response }

func (w controlled) FlushError() error {
	// Ask before the commit: a writer that cannot flush sends no header.
	if !canFlush(w.x.w) {
		return http.ErrNotSupported
	}
	if err := w.x.settle(); err != nil {
		return err
	}
	return http.NewResponseController(w.x.w).Flush()
}

func (w controlled) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !canHijack(w.x.w) {
		return nil, nil, http.ErrNotSupported
	}
	if err := w.x.settle(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.x.w).Hijack()
}

func (w controlled) Unwrap() http.ResponseWriter { return w.x.w }

type unwrapper interface{ Unwrap() http.ResponseWriter }

func canFlush(w http.ResponseWriter) bool {
	switch w := w.(type) {
	case interface{ FlushError() error }, http.Flusher:
		return true
	case unwrapper:
		return canFlush(w.Unwrap())
	default:
		return false
	}
}

func canHijack(w http.ResponseWriter) bool {
	switch w := w.(type) {
	case http.Hijacker:
		return true
	case unwrapper:
		return canHijack(w.Unwrap())
	default:
		return false
	}
}

// The optional interfaces, one type each.

type flusher struct{ x *exchange }

func (f flusher) Flush() {
	if f.x.settle() == nil {
		f.x.w.(http.Flusher).Flush()
	}
}

func (f flusher) FlushError() error { return controlled{response(f)}.FlushError() }

type hijacker struct{ x *exchange }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return controlled{response(h)}.Hijack()
}

type readerFrom struct{ x *exchange }

func (f readerFrom) ReadFrom(src io.Reader) (int64, error) {
	if err := f.x.settle(); err != nil {
		return 0, err
	}
	return f.x.w.(io.ReaderFrom).ReadFrom(src)
}

type pusher struct{ x *exchange }

func (p pusher) Push(target string, opts *http.PushOptions) error {
	return p.x.w.(http.Pusher).Push(target, opts)
}

type closeNotifier struct{ x *exchange }

func (c closeNotifier) CloseNotify() <-chan bool {
	//lint:ignore SA1019 the server's writer still offers it, and gin asks for it
	return c.x.w.(http.CloseNotifier).CloseNotify()
}

// flushing is a writer that can flush, such as httptest's.
type flushing struct{ response }

func (w flushing) Flush()            { flusher(w.response).Flush() }
func (w flushing) FlushError() error { return flusher(w.response).FlushError() }

// http1 is net/http's writer for HTTP/1.
type http1 struct{ response }

func (w http1) Flush()                                       { flusher(w.response).Flush() }
func (w http1) FlushError() error                            { return flusher(w.response).FlushError() }
func (w http1) Hijack() (net.Conn, *bufio.ReadWriter, error) { return hijacker(w.response).Hijack() }
func (w http1) ReadFrom(src io.Reader) (int64, error)        { return readerFrom(w.response).ReadFrom(src) }
func (w http1) CloseNotify() <-chan bool                     { return closeNotifier(w.response).CloseNotify() }

// http2 is net/http's writer for HTTP/2.
type http2 struct{ response }

func (w http2) Flush()                   { flusher(w.response).Flush() }
func (w http2) FlushError() error        { return flusher(w.response).FlushError() }
func (w http2) CloseNotify() <-chan bool { return closeNotifier(w.response).CloseNotify() }
func (w http2) Push(target string, opts *http.PushOptions) error {
	return pusher(w.response).Push(target, opts)
}
