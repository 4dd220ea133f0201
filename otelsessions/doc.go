// Package otelsessions instruments a session store with OpenTelemetry: each call is
// recorded as a span and in a metric. It is a separate module, so that only programs
// that use it download OpenTelemetry.
//
//	m, err := sessions.New(ctx, sessions.Options{
//		Store:     "memory",
//		WrapStore: otelsessions.WrapStore(otelsessions.Options{}),
//	})
//
// # Metrics
//
// One histogram, sessions.store.operation.duration, in seconds, with three
// attributes:
//
//	sessions.store      Options.Name, if it is set
//	sessions.operation  load, create, save, renew, touch, delete, list, owned, sweep,
//	                    seal or unseal
//	sessions.outcome    ok, not_found, conflict, corrupt, format, too_large,
//	                    closed, unsupported, canceled, timeout or error
//
// Its counts for a dashboard:
//
//	sessions created               create, ok
//	sessions renewed               renew, ok (a store that is no driver.Renewer: one create
//	                               and one save)
//	sessions destroyed             delete, ok
//	requests with an ended session load, not_found (in the cookie store: unseal, not_found)
//	merged with another request    save, conflict
//	store failures                 timeout and error, of any operation
//
// [WrapGuard] adds a counter, sessions.guard.refusals: the requests whose session
// sessions.Options.Guard has refused. Its attributes are sessions.store and, if the
// guard's error has a method Reason() string, sessions.reason: for package dbsc
// no_cookie, wrong_cookie, no_request, or navigation for a link from another site, which
// is no sign of theft.
//
// # Traces
//
// A call with a context is a span, "sessions load" and so on, a child of the
// request's. It has the attributes of the metric, and session.id: the session's
// public ID, which is safe to show. A failed call has the error; not found and conflict
// are not failures. The cookie store's seal and unseal have no spans, since they do no
// I/O. A listing is one span from its first step to its last, with the number of
// sessions as sessions.count.
//
// At level debug, [sessions.Options.Logger] also logs each session's creation, renewal
// and end.
//
// [sessions.Options.Logger]: https://pkg.go.dev/github.com/pump-go/sessions#Options
package otelsessions
