package database

import "context"

// acquire acquires one unit of a semaphore, or returns ctx's error if ctx is done
// first; receiving from the channel releases it. It asks ctx for Done only if it has
// to wait: with the contexts that a Manager passes to its store, Done starts a timer.
func acquire(ctx context.Context, sem chan<- struct{}) error {
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
