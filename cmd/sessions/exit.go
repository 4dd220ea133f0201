package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
)

// The exit codes. The package documentation and the help describe them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitUnsupported = 4
	exitIncomplete  = 5
	exitRefused     = 6
	exitInterrupted = 130 // 128 and the number of SIGINT, as in shells
)

const exitHelp = `Exit codes:
  0    done
  1    the store failed
  2    invalid flags or configuration
  3    the session or store does not exist
  4    not supported by the store
  5    some sessions were skipped, for example damaged ones; their IDs are printed
  6    not confirmed; nothing was done
  130  interrupted; what was done before is not undone
`

// failure is an error with an exit code.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// codeOf returns the exit code of a failure, or -1 for another error.
func codeOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return -1
}

// exitCode returns the command's exit code for an error or nil.
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
