package memcached

import (
	"context"
	"fmt"
	"time"
)

// grace is how much longer than its context a command is waited for. Most are
// answered by then, and an answer is certain where an error is not.
const grace = 100 * time.Millisecond

// within runs a command and returns when it is done, or soon after ctx has
// ended. The client knows no contexts, but it ends every command by its own
// timeout. So where the deadline is later than that there is nothing to watch,
// and a cancellation is seen when the command is done. Else the command runs
// beside its caller, and may outlive the call by that timeout. The caller is
// inside the gate, so none begins once close waits for the late ones.
func within[T any](ctx context.Context, s *server, command func() (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		return *new(T), err
	}
	// Done is asked for last: it costs a timer.
	if end, ok := ctx.Deadline(); ok && time.Until(end) > s.longest || ctx.Done() == nil {
		return command()
	}
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	s.late.Go(func() {
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

// failed is the error of a command that got no answer.
func failed(ctx context.Context, err error) error {
	if end := ctx.Err(); end != nil && err != end {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}
