package sessions

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pump-go/sessions/internal/response"
)

// Wrap returns a handler that calls next with a session in the request's
// context, for FromContext. The session is loaded when it is first used. It is
// committed just before the response header is sent, and again when next
// returns, for changes made after that. If next panics, nothing is committed
// and the panic continues.
//
// Wrapping twice with one Manager has no effect. Several Managers may wrap one
// handler if each has its own cookie name, and its own TokenHeader if it has
// one.
//
// Goroutines that outlive next may use the session but must call Session.Save.
//
// Put Wrap around http.TimeoutHandler and similar handlers, not inside them. When
// the time is over, http.TimeoutHandler sends a response of its own while the
// handler is still running. If Wrap is inside, that response never has a session
// cookie, so if the handler then calls Session.Renew, the client does not get the
// new ID and is signed out. If Wrap is outside, it commits the session with that
// response. The handler may still be using the session, so it must not change a
// value in place (see Key).
//
// Hijack commits the session, but the server then does not send the header
// fields, including the cookie of a new session. The program must send them.
func (m *Manager) Wrap(next http.Handler) http.Handler { return &handler{m, next} }

// handler is a type, not a func literal, because the compiler copies a func
// literal into the caller of Wrap, and there WithContext allocates.
type handler struct {
	m    *Manager
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := h.m
	if m.FromContext(r.Context()) != nil {
		h.next.ServeHTTP(w, r)
		return
	}
	m.warnIfShared(r.Context())
	x := &exchange{}
	x.response = response.State{Writer: w, Committer: x}
	x.session.m, x.session.request = m, r
	x.session.rawTokens, x.session.byHeader = m.tokenSource(r.Header)
	if coded := w.Header()["Content-Encoding"]; len(coded) > 0 {
		x.encoding = coded[0]
	}
	x.r = *r.WithContext((*requestContext)(x)) // inlined: one allocation for both
	defer func() {
		if form := x.r.MultipartForm; form != nil {
			r.MultipartForm = form // the server removes its files
		}
		r.Pattern = x.r.Pattern // outer middleware may log the route
		x.finish()
	}()
	h.next.ServeHTTP(x.response.View(), &x.r)
	x.completed = true
}

// warnIfShared logs once if another manager around this one has the same cookie
// name or token header. Each then rejects the other's token and replaces it.
func (m *Manager) warnIfShared(ctx context.Context) {
	for outer := FromContext(ctx); outer != nil; outer = FromContext(outer.context()) {
		name := m.header.Name
		if outer.m.opts.Cookie.Name == m.opts.Cookie.Name {
			name = m.opts.Cookie.Name
		} else if name == "" || outer.m.header.Name != name {
			continue
		}
		m.warnShared.Do(func() {
			m.log.Warn("sessions: two managers around one handler have the same cookie name or token header, and lose each other's sessions", "name", name)
		})
	}
}

// exchange is one request with its session and its response.
type exchange struct {
	session  Session
	response response.State
	r        http.Request // as the handler has it

	// encoding is the Content-Encoding that outer middleware has set before.
	encoding string

	failure   error // why the error page was sent instead of the handler's response
	committed bool  // the session was committed: the header may be sent
	completed bool  // the handler returned; neither a panic nor Goexit ended it
}

// CommitBeforeHeader commits the session and sets its header fields, before the
// header is sent. If that fails, it sends the error page, and returns an error
// from every call.
func (x *exchange) CommitBeforeHeader() error {
	if x.committed {
		return x.failure
	}
	defer func() {
		if !x.committed {
			x.discard() // the commit panicked
		}
	}()
	err := x.session.commitBeforeHeader(x.response.Writer)
	x.committed = true
	if err != nil {
		x.failure = fmt.Errorf("sessions: the error page was sent instead: %w", err)
		x.response.Discard = x.response.Writer.Header().Clone()
		x.fail(err)
	}
	return x.failure
}

// commitBeforeHeader commits the session and sets its header fields, for the
// last time before the header is sent.
func (s *Session) commitBeforeHeader(w http.ResponseWriter) error {
	s.mu.Lock()
	defer s.mu.Unlock() // the function of an Update may panic when it is repeated
	err := s.commit(s.context(), byResponse)
	s.headerSent = true
	if s.phase != untouched {
		s.putHeaders(w.Header())
		s.active.Store(err != nil || s.view.Mutable())
	}
	return err
}

// finish ends the exchange after the handler has returned or panicked.
func (x *exchange) finish() {
	switch {
	case !x.completed:
		x.discard()
		return
	case !x.committed:
		x.CommitBeforeHeader() // net/http writes the header when Wrap's handler returns
		return
	case x.failure != nil, !x.session.active.Load():
		return
	}
	if x.session.commitAfterHeader() != nil {
		panic(http.ErrAbortHandler)
	}
}

// commitAfterHeader commits changes made after the header was sent. It returns
// an error if the session was first used then and could not be loaded: the
// response may treat the client as anonymous, and must not look complete.
func (s *Session) commitAfterHeader() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.commit(s.context(), byResponse)
	if s.loadError() != nil && !s.errObserved {
		s.m.log.Error("sessions: session not loaded after the response header was sent; the response is cut off", "error", err)
		return err
	}
	if err != nil {
		s.m.log.Error("sessions: changes after the response header are lost", "session", s.publicID(), "error", err)
	}
	return nil
}

// discard drops, after a panic, the changes that were not saved. The response of
// the middleware that recovers must carry the cookie of an earlier Save, or the
// client of a renewed session would lose it.
func (x *exchange) discard() {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != untouched {
		s.revert()
		if s.pendingCookie() != noCookie && !x.committed {
			s.putHeaders(x.response.Writer.Header())
		}
	}
	s.headerSent, x.committed = true, true
}
