package sessions

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// handlerFields are the header fields that describe the handler's own response
// and would be wrong on the error page. Some would make a proxy send a file
// instead, or a cache keep the page. Clear-Site-Data would delete the cookie of
// a client whose sign-out has failed.
var handlerFields = []string{"Content-Length", "Content-Type", "Content-Encoding", "Content-Language", "Content-Location",
	"Content-Range", "Content-Disposition", "Content-Digest", "Repr-Digest", "Etag", "Last-Modified", "Expires",
	"Location", "Refresh", "Accept-Ranges", "Trailer", "Clear-Site-Data",
	"X-Accel-Redirect", "X-Sendfile", "X-Lighttpd-Send-File", "X-Reproxy-Url",
	"X-Accel-Expires", "Cdn-Cache-Control", "Surrogate-Control"}

// fail writes the error page for a session that could not be loaded or saved.
func (x *exchange) fail(err error) {
	m, h := x.session.m, x.response.Writer.Header()
	m.logFailure(x.r.Context(), err)
	for _, field := range handlerFields {
		delete(h, field)
	}
	for field := range h {
		// Instructions for htmx, such as HX-Redirect.
		if strings.HasPrefix(field, http.TrailerPrefix) || strings.HasPrefix(field, "Hx-") {
			delete(h, field)
		}
	}
	if x.encoding != "" {
		h.Set("Content-Encoding", x.encoding)
	}
	h.Set("Cache-Control", "no-store")
	page := &answer{ResponseWriter: x.response.Writer}
	if own, ok := errors.AsType[ownPage](err); ok && errors.Is(err, ErrRefused) {
		own.ServeHTTP(page, &x.r)
	} else {
		m.opts.ErrorHandler(page, &x.r, err)
	}
	if !page.begun {
		x.response.Writer.WriteHeader(statusOf(err))
	}
}

// ownPage is a guard's error that writes the response itself.
type ownPage interface {
	error
	http.Handler
}

func (m *Manager) logFailure(ctx context.Context, err error) {
	if errors.Is(err, ErrRefused) {
		return // logged when the session was opened
	}
	s := m.FromContext(ctx)
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrConflict) || errors.Is(err, context.Canceled) {
		m.log.Info("sessions: request lost its session", "session", s, "error", err)
		return
	}
	m.log.Error("sessions: request failed", "session", s, "error", err)
}

// errorPage is the default ErrorHandler. The page does not reveal the cause.
func errorPage(w http.ResponseWriter, _ *http.Request, err error) {
	status := statusOf(err)
	http.Error(w, http.StatusText(status), status)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrRefused):
		return http.StatusForbidden
	case errors.Is(err, ErrEnded), errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrInvalidValue), errors.Is(err, ErrTooLarge), errors.Is(err, ErrHeaderSent):
		return http.StatusInternalServerError
	default:
		return http.StatusServiceUnavailable
	}
}

// answer records whether an ErrorHandler has written a response.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
