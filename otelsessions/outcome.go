package otelsessions

import (
	"context"
	"errors"

	"github.com/pump-go/sessions/driver"
)

// outcomes has the outcomes of a call, of which the first that matches is used. A
// failure marks the span as an error.
var outcomes = []struct {
	err     error
	name    string
	failure bool
}{
	{nil, "ok", false},
	{driver.ErrNotFound, "not_found", false},
	{driver.ErrConflict, "conflict", false},
	{driver.ErrCorrupt, "corrupt", true},
	{driver.ErrNewerFormat, "format", true},
	{driver.ErrTooLarge, "too_large", true},
	{driver.ErrClosed, "closed", true},
	{errors.ErrUnsupported, "unsupported", false},
	{context.Canceled, "canceled", false},
	{context.DeadlineExceeded, "timeout", true},
}

func outcome(err error) string {
	name, _ := classify(err)
	return name
}

func isFailure(err error) bool {
	_, failure := classify(err)
	return failure
}

func classify(err error) (name string, failure bool) {
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return o.name, o.failure
		}
	}
	return "error", true
}
