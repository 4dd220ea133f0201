package sessions

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pump-go/sessions/internal/deadline"
)

// requestContext makes an exchange the context of its request, so that it needs
// no allocation.
type requestContext exchange

// Deadline implements context.Context.
func (c *requestContext) Deadline() (time.Time, bool) { return c.session.context().Deadline() }

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} { return c.session.context().Done() }

// Err implements context.Context.
func (c *requestContext) Err() error { return c.session.context().Err() }

// Value implements context.Context. It finds the session under innermost, and
// under the Manager.
func (c *requestContext) Value(key any) any {
	if key == any(innermost) || key == any(c.session.m) {
		return &c.session
	}
	return c.session.context().Value(key)
}

// String names the context in the manner of package context.
func (c *requestContext) String() string { return fmt.Sprint(c.session.context()) + ".WithSession" }

// Format prints String for every verb, so that no %+v shows the request's
// cookies or the session's values.
func (c *requestContext) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

type contextKey byte

const innermost contextKey = 0

// FromContext returns the session of the request with this context. If several
// Managers wrap the handler, it is the session of the innermost; see
// Manager.FromContext. Outside of Manager.Wrap, FromContext returns nil. The
// methods of a nil Session panic, with a message that names this cause.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(innermost).(*Session)
	return s
}

// FromContext returns the request's session of this Manager, or nil if the
// Manager does not wrap the handler.
func (m *Manager) FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(m).(*Session)
	return s
}

// Store calls and log calls are made while the session is locked. Their contexts
// hide the session: instrumentation that used it would deadlock.

// sessionless is a context without the session, for log handlers.
type sessionless struct{ context.Context }

// Value implements context.Context.
func (c sessionless) Value(key any) any { return hideSession(c.Context.Value(key)) }

// storeContext is a context without the session, which ends after
// Options.StoreTimeout, for store calls.
type storeContext struct{ deadline.Context }

// Value implements context.Context.
func (c *storeContext) Value(key any) any { return hideSession(c.Context.Value(key)) }

// storeContext returns a context for store calls that begin now. The caller must
// release it.
func (m *Manager) storeContext(parent context.Context) *storeContext {
	return &storeContext{deadline.Make(parent, m.opts.StoreTimeout, &m.timers)}
}

func hideSession(v any) any {
	if _, ok := v.(*Session); ok {
		return nil
	}
	return v
}

// NewContext returns a context in which FromContext, and FromContext of the
// session's Manager, return s. Use it to pass a session from Manager.Load or
// Manager.NewSession to code that calls FromContext. Only Session.Save stores
// changes to s, even inside a handler that Manager.Wrap wraps. s must not be
// nil.
func NewContext(ctx context.Context, s *Session) context.Context {
	return context.WithValue(context.WithValue(ctx, s.m, s), innermost, s)
}
