package database

import (
	"context"
	"time"

	"github.com/pump-go/sessions/driver"
)

// grace is how long a write still waits for its answer after its context has
// ended. A healthy server answers within it, so that the outcome is known and the
// connection can be kept.
const grace = 100 * time.Millisecond

// withGrace returns a context that ends a grace after ctx, and a function that
// releases it.
func withGrace(ctx context.Context) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := driver.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return later, func() {
		stop()
		cancel()
	}
}
