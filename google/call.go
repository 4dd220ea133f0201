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

// call runs one call of the contract, or a listing's or sweep's one step, with
// a deadline. The client library's own is a minute.
func (s *store) call(ctx context.Context, op string, f func(context.Context) error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		err = s.timed(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("google: %s: %w", op, err)
	}
	return nil
}

func (s *store) timed(ctx context.Context, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner := ctx
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > s.at.Timeout {
		var cancel context.CancelFunc
		inner, cancel = context.WithTimeout(ctx, s.at.Timeout)
		defer cancel()
	}
	err := untilNotAborted(inner, f)
	if err == nil || answers(err) {
		return err
	}
	if end := ended(ctx, err); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}

// untilNotAborted repeats what the server gave up for somebody else's sake: a
// lookup in a transaction too, not only a commit. Nothing of it was done.
func untilNotAborted(ctx context.Context, f func(context.Context) error) error {
	for lost := 0; ; lost++ {
		err := f(ctx)
		if status.Code(err) != codes.Aborted {
			return err
		}
		switch end := pause(ctx, lost); {
		case end == nil:
		case errors.Is(err, end):
			return err // a swap has said so
		default:
			return fmt.Errorf("%w: %w", end, err)
		}
	}
}

// answers tells whether the error is what was found, rather than that nobody
// could find out.
func answers(err error) bool {
	for _, answer := range []error{driver.ErrNotFound, driver.ErrConflict, driver.ErrCorrupt, driver.ErrNewerFormat, driver.ErrTooLarge, errors.ErrUnsupported} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// ended is why the context is over, if it is. The server keeps the deadline too,
// and may come to it a moment before the context does.
func ended(ctx context.Context, err error) error {
	if at, ok := ctx.Deadline(); ok && ctx.Err() == nil && status.Code(err) == codes.DeadlineExceeded && time.Until(at) < 20*time.Millisecond {
		<-ctx.Done()
	}
	return ctx.Err()
}
