package google

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pump-go/sessions/driver"
)

// do runs f, which is a method of the store or one step of a listing or sweep. It
// sets a deadline, since the client library's own is a minute.
func (s *store) do(ctx context.Context, op string, f func(context.Context) error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		err = s.withDeadline(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("google: %s: %w", op, err)
	}
	return nil
}

func (s *store) withDeadline(ctx context.Context, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner := ctx
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > s.settings.Timeout {
		var cancel context.CancelFunc
		inner, cancel = context.WithTimeout(ctx, s.settings.Timeout)
		defer cancel()
	}
	err := retryAborted(inner, f)
	if err == nil || isResult(err) {
		return err
	}
	if end := contextErr(ctx, err); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}

// retryAborted repeats f while the server aborts it because of contention. The
// server has then done nothing.
func retryAborted(ctx context.Context, f func(context.Context) error) error {
	for retries := 0; ; retries++ {
		err := f(ctx)
		if status.Code(err) != codes.Aborted {
			return err
		}
		switch end := backOff(ctx, retries); {
		case end == nil:
		case errors.Is(err, end):
			return err // compareAndSwap has joined the two
		default:
			return fmt.Errorf("%w: %w", end, err)
		}
	}
}

// isResult reports whether the error is the store's answer, rather than a failure
// to get one.
func isResult(err error) bool {
	for _, result := range []error{driver.ErrNotFound, driver.ErrConflict, driver.ErrCorrupt, driver.ErrNewerFormat, driver.ErrTooLarge, errors.ErrUnsupported} {
		if errors.Is(err, result) {
			return true
		}
	}
	return false
}

// contextErr returns ctx's error. The server observes the deadline too, and may
// report it a moment before ctx does; contextErr then waits for ctx.
func contextErr(ctx context.Context, err error) error {
	if end, ok := ctx.Deadline(); ok && ctx.Err() == nil && status.Code(err) == codes.DeadlineExceeded && time.Until(end) < 20*time.Millisecond {
		<-ctx.Done()
	}
	return ctx.Err()
}
