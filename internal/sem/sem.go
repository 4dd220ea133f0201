// Package sem acquires semaphores that are buffered channels. Receiving from
// the channel releases what was acquired.
package sem

import "context"

// Acquire acquires one unit of the semaphore, or returns ctx's error if ctx is
// done first. It asks ctx for Done only if it has to wait: with the contexts that
// a Manager passes to its store, Done starts a timer.
func Acquire(ctx context.Context, sem chan<- struct{}) error {
	select {
	case sem <- struct{}{}:
		return nil
	default:
	}
	select {
	case sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
