package sessions

import (
	"io"
	"net/http"
)

// What the server's writer offers, as bits.
const (
	canF = 1 << iota // http.Flusher
	canH             // http.Hijacker
	canR             // io.ReaderFrom
	canP             // http.Pusher
	canC             // http.CloseNotifier
)

func abilities(w http.ResponseWriter) (can int) {
	if _, ok := w.(http.Flusher); ok {
		can |= canF
	}
	if _, ok := w.(http.Hijacker); ok {
		can |= canH
	}
	if _, ok := w.(io.ReaderFrom); ok {
		can |= canR
	}
	if _, ok := w.(http.Pusher); ok {
		can |= canP
	}
	//lint:ignore SA1019 see closeNotifier
	if _, ok := w.(http.CloseNotifier); ok {
		can |= canC
	}
	return can
}

// writer returns the handler's view of the server's writer: a type with the
// same abilities. Go has no other way to say it than to list them all.
func (x *exchange) writer() http.ResponseWriter {
	w, f, h, r, p, c := response{x}, flusher{x}, hijacker{x}, readerFrom{x}, pusher{x}, closeNotifier{x}
	switch abilities(x.w) {
	case canF | canH | canR | canC:
		return http1{w}
	case canF | canP | canC:
		return http2{w}
	case canF:
		return flushing{w}
	case canH:
		return struct {
			response
			hijacker
		}{w, h}
	case canF | canH:
		return struct {
			response
			flusher
			hijacker
		}{w, f, h}
	case canR:
		return struct {
			response
			readerFrom
		}{w, r}
	case canF | canR:
		return struct {
			response
			flusher
			readerFrom
		}{w, f, r}
	case canH | canR:
		return struct {
			response
			hijacker
			readerFrom
		}{w, h, r}
	case canF | canH | canR:
		return struct {
			response
			flusher
			hijacker
			readerFrom
		}{w, f, h, r}
	case canP:
		return struct {
			response
			pusher
		}{w, p}
	case canF | canP:
		return struct {
			response
			flusher
			pusher
		}{w, f, p}
	case canH | canP:
		return struct {
			response
			hijacker
			pusher
		}{w, h, p}
	case canF | canH | canP:
		return struct {
			response
			flusher
			hijacker
			pusher
		}{w, f, h, p}
	case canR | canP:
		return struct {
			response
			readerFrom
			pusher
		}{w, r, p}
	case canF | canR | canP:
		return struct {
			response
			flusher
			readerFrom
			pusher
		}{w, f, r, p}
	case canH | canR | canP:
		return struct {
			response
			hijacker
			readerFrom
			pusher
		}{w, h, r, p}
	case canF | canH | canR | canP:
		return struct {
			response
			flusher
			hijacker
			readerFrom
			pusher
		}{w, f, h, r, p}
	case canC:
		return struct {
			response
			closeNotifier
		}{w, c}
	case canF | canC:
		return struct {
			response
			flusher
			closeNotifier
		}{w, f, c}
	case canH | canC:
		return struct {
			response
			hijacker
			closeNotifier
		}{w, h, c}
	case canF | canH | canC:
		return struct {
			response
			flusher
			hijacker
			closeNotifier
		}{w, f, h, c}
	case canR | canC:
		return struct {
			response
			readerFrom
			closeNotifier
		}{w, r, c}
	case canF | canR | canC:
		return struct {
			response
			flusher
			readerFrom
			closeNotifier
		}{w, f, r, c}
	case canH | canR | canC:
		return struct {
			response
			hijacker
			readerFrom
			closeNotifier
		}{w, h, r, c}
	case canP | canC:
		return struct {
			response
			pusher
			closeNotifier
		}{w, p, c}
	case canH | canP | canC:
		return struct {
			response
			hijacker
			pusher
			closeNotifier
		}{w, h, p, c}
	case canF | canH | canP | canC:
		return struct {
			response
			flusher
			hijacker
			pusher
			closeNotifier
		}{w, f, h, p, c}
	case canR | canP | canC:
		return struct {
			response
			readerFrom
			pusher
			closeNotifier
		}{w, r, p, c}
	case canF | canR | canP | canC:
		return struct {
			response
			flusher
			readerFrom
			pusher
			closeNotifier
		}{w, f, r, p, c}
	case canH | canR | canP | canC:
		return struct {
			response
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{w, h, r, p, c}
	case canF | canH | canR | canP | canC:
		return struct {
			response
			flusher
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{w, f, h, r, p, c}
	default:
		return w
	}
}
