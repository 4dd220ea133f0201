package response

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// The views, by the optional interfaces of http.ResponseWriter that they offer.
// Handlers ask for these by type assertion, so a view must offer none that the
// server's writer lacks. These are the sets that net/http's writers have, and
// those of middleware around them.

type flushing struct{ writer }

func (w flushing) Flush()            { w.flush() }
func (w flushing) FlushError() error { return w.flushError() }

type hijacking struct{ writer }

func (w hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

type flushHijacking struct{ flushing }

func (w flushHijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

type pushing struct{ flushing }

func (w pushing) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

type readingFrom struct{ writer }

func (w readingFrom) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

type flushHijackReadingFrom struct{ flushHijacking }

func (w flushHijackReadingFrom) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

// http1 has what net/http's writer for HTTP/1 has.
type http1 struct{ flushHijackReadingFrom }

func (w http1) CloseNotify() <-chan bool { return w.closeNotify() }

// http2 has what net/http's writer for HTTP/2 has.
type http2 struct{ pushing }

func (w http2) CloseNotify() <-chan bool { return w.closeNotify() }

// View returns the response as the handler is to see it. It offers the optional
// interfaces of the server's writer, and no others. Of a set that no view has,
// the view is the one that has most of it. What is lost, if anything, is
// ReadFrom, Push or the deprecated CloseNotify, which handlers can do without.
func (s *State) View() http.ResponseWriter {
	w := writer{s}
	_, flush := s.Writer.(http.Flusher)
	_, hijack := s.Writer.(http.Hijacker)
	_, read := s.Writer.(io.ReaderFrom)
	_, push := s.Writer.(http.Pusher)
	//lint:ignore SA1019 see writer.closeNotify
	_, notify := s.Writer.(http.CloseNotifier)
	switch {
	case flush && hijack && read && notify:
		return http1{flushHijackReadingFrom{flushHijacking{flushing{w}}}}
	case flush && hijack && read:
		return flushHijackReadingFrom{flushHijacking{flushing{w}}}
	case flush && hijack:
		return flushHijacking{flushing{w}}
	case flush && push && notify:
		return http2{pushing{flushing{w}}}
	case flush && push:
		return pushing{flushing{w}}
	case flush:
		return flushing{w}
	case hijack:
		return hijacking{w}
	case read:
		return readingFrom{w}
	default:
		return w
	}
}
