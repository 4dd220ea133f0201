package sessions

import "context"

// sessionless is a context without a session, for the loggers that are called
// while it is locked; bounded is the same for stores. To instrumentation that
// looks for the user of a request there is none, rather than one to wait for
// without end.
type sessionless struct{ context.Context }

// Value implements context.Context.
func (c sessionless) Value(key any) any { return hideSession(c.Context.Value(key)) }

func hideSession(v any) any {
	if _, ok := v.(*Session); ok {
		return nil
	}
	return v
}
