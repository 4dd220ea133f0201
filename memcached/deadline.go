package memcached

import (
	"context"
	"fmt"
	"time"
)

// grace is the time to wait for a command's answer after its context has ended.
// Most answers arrive in that time, and an answer leaves no doubt about the outcome.
const grace = 100 * time.Millisecond

// withContext runs a command and returns when it is done or soon after ctx ends. The
// client does not support contexts, but ends every command by its own timeout. If the
// deadline is later than that, withContext runs the command directly, and notices a
// cancellation only afterwards. Otherwise it runs the command in the background,
// where it may outlive the call by the timeout. Callers have entered the store's gate,
// so none starts a command after close waits for those in the background.
func withContext[T any](ctx context.Context, s *server, command func() (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		return *new(T), err
	}
	// Done is called last, since it starts a timer.
	if end, ok := ctx.Deadline(); ok && time.Until(end) > s.maxDuration || ctx.Done() == nil {
		return command()
	}
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	s.background.Go(func() {
		value, err := command()
		done <- answer{value, err}
	})
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		return a.value, a.err
	case <-time.After(grace):
		return *new(T), ctx.Err()
	}
}

// withContextErr adds ctx's error to that of a command without an answer.
func withContextErr(ctx context.Context, err error) error {
	if end := ctx.Err(); end != nil && err != end {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}
