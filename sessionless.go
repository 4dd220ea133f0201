package sessions

import (
	"context"

	"github.com/pump-go/sessions/internal/deadline"
)

// Store calls and log calls are made while the session is locked. Their contexts
// hide it: instrumentation that looks for the request's user finds none, and does
// not wait for the lock forever.

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
