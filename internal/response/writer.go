// Package response gives handlers a view of the server's response writer on
// which the session is committed before the header is sent, however it is sent.
package response

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// State is what all views of one response share.
type State struct {
	// Writer is the server's.
	Writer http.ResponseWriter

	// Committer commits the session.
	Committer Committer

	// Discard, if not nil, is the header that the handler sees: another
	// response has been sent in place of its own.
	Discard http.Header
}

// A Committer commits the session before the header is sent. If the commit
// fails, it sends the error page instead, and returns an error from every call.
type Committer interface {
	CommitBeforeHeader() error
}

func (s *State) commit() error { return s.Committer.CommitBeforeHeader() }

// writer is the view with no optional interfaces. All views are a single
// pointer, so that making one is no allocation.
type writer struct{ s *State }

func (w writer) Header() http.Header {
	if w.s.Discard != nil {
		return w.s.Discard
	}
	return w.s.Writer.Header()
}

func (w writer) WriteHeader(status int) {
	// Informational responses come before the header; 101 is final (RFC 9110,
	// 15.2). From 1000 on, net/http panics: commit nothing.
	final := status >= 200 && status < 1000 || status == http.StatusSwitchingProtocols
	if final && w.s.commit() != nil {
		return
	}
	w.s.Writer.WriteHeader(status)
}

func (w writer) Write(b []byte) (int, error) {
	if err := w.s.commit(); err != nil {
		return 0, err
	}
	return w.s.Writer.Write(b)
}

func (w writer) WriteString(s string) (int, error) {
	if err := w.s.commit(); err != nil {
		return 0, err
	}
	return io.WriteString(w.s.Writer, s)
}

// Unwrap is for http.ResponseController. The controller flushes and hijacks
// through the view that it returns, which commits first.
func (w writer) Unwrap() http.ResponseWriter { return controlled(w) }

// The methods of the optional interfaces. The views in interfaces.go offer those
// that the server's writer has.

func (w writer) flush() {
	if w.s.commit() == nil {
		w.s.Writer.(http.Flusher).Flush()
	}
}

func (w writer) flushError() error {
	// Ask before the commit: a writer that cannot flush sends no header.
	if !canFlush(w.s.Writer) {
		return http.ErrNotSupported
	}
	if err := w.s.commit(); err != nil {
		return err
	}
	return http.NewResponseController(w.s.Writer).Flush()
}

func (w writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !canHijack(w.s.Writer) {
		return nil, nil, http.ErrNotSupported
	}
	if err := w.s.commit(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.s.Writer).Hijack()
}

func (w writer) readFrom(src io.Reader) (int64, error) {
	if err := w.s.commit(); err != nil {
		return 0, err
	}
	return w.s.Writer.(io.ReaderFrom).ReadFrom(src)
}

func (w writer) push(target string, opts *http.PushOptions) error {
	return w.s.Writer.(http.Pusher).Push(target, opts)
}

func (w writer) closeNotify() <-chan bool {
	//lint:ignore SA1019 the server's writer still offers it, and gin asks for it
	return w.s.Writer.(http.CloseNotifier).CloseNotify()
}

// controlled is what http.ResponseController uses if the view itself lacks a
// method. It finds deadlines and full duplex on the server's writer.
type controlled struct{ s *State }

func (w controlled) Header() http.Header         { return writer(w).Header() }
func (w controlled) WriteHeader(status int)      { writer(w).WriteHeader(status) }
func (w controlled) Write(b []byte) (int, error) { return writer(w).Write(b) }
func (w controlled) FlushError() error           { return writer(w).flushError() }
func (w controlled) Unwrap() http.ResponseWriter { return w.s.Writer }
func (w controlled) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return writer(w).hijack()
}

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
