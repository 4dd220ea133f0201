package sessions

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Wrap returns a handler that gives next its session: FromContext, called with
// the request's context, returns it. The session is committed before the
// response's header leaves, in whichever way it leaves, and once more when next
// returns, for what was changed since. If next panics, nothing is committed and
// the panic goes on. Wrapping twice with one Manager does no harm.
//
// The session belongs to the request. What next leaves running may use it, but
// has to call Session.Save.
//
// A hijacked connection never sends the header fields that were set before it,
// the cookie of a new session among them: a program that speaks its own
// protocol must send them itself.
func (m *Manager) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.FromContext(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{w: w, ctx: r.Context(), encoding: w.Header().Get("Content-Encoding")}
		x.session = Session{m: m, ctx: x.ctx, in: r.Header}
		x.r = r.WithContext((*requestContext)(x))
		defer func() {
			if form := x.r.MultipartForm; form != nil {
				r.MultipartForm = form // the server removes its files
			}
			r.Pattern = x.r.Pattern // a ServeMux set it, for logs and metrics further out
			x.end()
		}()
		next.ServeHTTP(x.writer(), x.r)
		x.completed = true
	})
}

// exchange is one request with its session and its response.
type exchange struct {
	session Session
	w       http.ResponseWriter // the server's
	r       *http.Request       // as the handler has it
	ctx     context.Context     // the request's before ours

	encoding string // how the answer is coded further out, if that was said beforehand

	failure   error // the error page was sent instead
	settled   bool  // the session was committed, the header may leave
	completed bool  // the handler returned; neither a panic nor Goexit ended it
}

// settle commits the session before the header leaves and sets its header
// fields. If that fails it sends the error page, and returns an error then and
// from then on.
func (x *exchange) settle() error {
	if x.settled {
		return x.failure
	}
	defer func() {
		if !x.settled {
			x.abandon() // the commit panicked
		}
	}()
	s := &x.session
	line, touched, err := s.conclude(x.ctx)
	x.settled = true
	if touched {
		s.m.putHeaders(x.w.Header(), line)
	}
	if err != nil {
		x.failure = fmt.Errorf("sessions: the error page was sent instead: %w", err)
		x.fail(err)
	}
	return x.failure
}

// conclude commits the session and tells what the header needs, for the last
// time before it leaves.
func (s *Session) conclude(ctx context.Context) (line string, touched bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock() // the function of an Update may panic when it is repeated
	err = s.settle(ctx)
	s.headerSent = true
	return s.cookieLine(), s.state != untouched, err
}

// settle is the commit that the response waits for. The handler's or client's
// going away does not cancel it.
func (s *Session) settle(ctx context.Context) error {
	if s.state == untouched {
		return nil
	}
	return s.commit(context.WithoutCancel(ctx), !s.m.opts.ManualSave)
}

// end finishes the exchange when the handler has.
func (x *exchange) end() {
	switch {
	case !x.completed:
		x.abandon()
		return
	case !x.settled:
		x.settle() // net/http writes the header when we return
		return
	case x.failure != nil:
		return
	}
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(x.ctx); err != nil {
		s.m.log.Error("sessions: changes after the response's header are lost", "session", s.publicID(), "error", err)
	}
}

// abandon gives up, after a panic, what was not saved. An answer that comes from
// whoever recovers must carry what an earlier Save made of the cookie, or a
// renewed client would be stranded.
func (x *exchange) abandon() {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revert()
	if line := s.cookieLine(); line != "" && !x.settled {
		s.m.putHeaders(x.w.Header(), line)
	}
	s.headerSent, x.settled = true, true
}

// cookieLine is the Set-Cookie line that the response needs, or "". It is for
// what is stored: not for the id of a Renew that failed or was not saved.
func (s *Session) cookieLine() string {
	switch {
	case s.issue == live:
		return s.m.cookie.live(s.tokenOf(&s.id), s.expires(), s.m.opts.Now())
	case s.issue == deletion && len(s.doomed) == 0:
		return s.m.cookie.deletion()
	default:
		return ""
	}
}

// putHeaders marks the answer as this client's own, and adds the cookie.
func (m *Manager) putHeaders(h http.Header, line string) {
	if !lists(h["Vary"], "cookie") {
		h["Vary"] = append(h["Vary"], "Cookie")
	}
	private := len(h["Cache-Control"]) == 0
	if private {
		h["Cache-Control"] = []string{"private"}
	}
	if line == "" {
		return
	}
	m.cookie.put(h, line)
	// Nothing stores the cookie with the answer (RFC 9111, 5.2.2.4).
	switch {
	case private:
		h["Cache-Control"] = []string{`private, no-cache="Set-Cookie"`}
	case !lists(h["Cache-Control"], "no-store"):
		h["Cache-Control"] = append(h["Cache-Control"], `no-cache="Set-Cookie"`)
	}
}

// lists tells whether one of the comma-separated lists has the item, or "*",
// which in Vary stands for all.
func lists(lines []string, item string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.EqualFold(part, item) {
				return true
			}
		}
	}
	return false
}

// requestContext is an exchange as its request's context.
type requestContext exchange

// Deadline implements context.Context.
func (c *requestContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} { return c.ctx.Done() }

// Err implements context.Context.
func (c *requestContext) Err() error { return c.ctx.Err() }

// Value implements context.Context. It finds the session under innermost, and
// under the Manager.
func (c *requestContext) Value(key any) any {
	if key == any(innermost) || key == any(c.session.m) {
		return &c.session
	}
	return c.ctx.Value(key)
}

// String names the context in the manner of package context.
func (c *requestContext) String() string { return fmt.Sprint(c.ctx) + ".WithSession" }

// Format prints String for every verb, so that no %+v shows the request's
// cookies or the session's values.
func (c *requestContext) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

type contextKey byte

const innermost contextKey = 0

// FromContext returns the session of the request whose context it is, or nil
// outside of Manager.Wrap; every use of a nil Session panics and says so. Where
// several managers wrap the handler it is the innermost one's; see
// Manager.FromContext.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(innermost).(*Session)
	return s
}

// FromContext returns this Manager's session, or nil if the Manager does not
// wrap the handler.
func (m *Manager) FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(m).(*Session)
	return s
}
