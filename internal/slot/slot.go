// Package slot takes places in channels that count who is inside.
package slot

import "context"

// Take waits for a place until ctx ends. Only who has to wait asks ctx for Done,
// which costs a timer with the contexts that a Manager gives to its store.
func Take(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
