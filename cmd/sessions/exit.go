package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
)

// The exit codes, as the package documentation and the help tell them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitUnsupported = 4
	exitIncomplete  = 5
	exitRefused     = 6
	exitInterrupted = 130 // as shells have it: 128 and the number of SIGINT
)

const exitHelp = `Exit codes:
  0    done
  1    failed: the store does not answer, or refuses
  2    wrong flags or configuration
  3    there is no such session, or no such store
  4    the store cannot do that
  5    done but for some sessions, which are named: damaged, say
  6    not confirmed, and so nothing was done
  130  interrupted; what was done until then stays done
`

// failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// codeOf is the exit code that the error itself has, or -1.
func codeOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return -1
}

// exitCode is what the command exits with after the error.
func exitCode(ctx context.Context, err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, sessions.ErrInvalidOptions):
		return exitUsage
	case errors.Is(err, errors.ErrUnsupported):
		return exitUnsupported
	case errors.Is(err, sessions.ErrNotFound), errors.Is(err, database.ErrNoTables):
		return exitNotFound
	default:
		return exitFailed
	}
}
