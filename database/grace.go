package database

import (
	"context"
	"time"

	"github.com/pump-go/sessions/driver"
)

// grace is how long a write whose context has ended may still wait for its
// answer. A server in good health answers within it, and the outcome is known,
// rather than a matter for the manager to find out; and the connection lives.
const grace = 100 * time.Millisecond

// withGrace returns a context that ends that much later than ctx, and a
// function that releases it.
func withGrace(ctx context.Context) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := driver.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return later, func() {
		stop()
		cancel()
	}
}
