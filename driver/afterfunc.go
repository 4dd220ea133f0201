package driver

import "context"

// AfterFunc is like context.AfterFunc: it runs f in a goroutine of its own once ctx
// has ended, unless stop is called first, which reports whether it prevented that.
// For a context that a Manager gives to a store it is cheaper, as it needs
// neither a timer nor another context for each call: on PostgreSQL that was a
// third of what the library took.
func AfterFunc(ctx context.Context, f func()) (stop func() bool) {
	if own, ok := ctx.(interface {
		AfterFunc(func()) func() bool
	}); ok {
		return own.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}
