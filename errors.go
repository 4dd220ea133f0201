package sessions

import (
	"errors"
	"fmt"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/codec"
)

// Errors of the session itself.
var (
	// ErrInvalidOptions is returned by New for options that are not valid.
	ErrInvalidOptions = errors.New("invalid options")

	// ErrEnded is returned when the session was destroyed, renewed or expired
	// while the request used it, so its changes cannot be stored. The client's
	// cookie is left alone: it may belong to a newer session.
	ErrEnded = errors.New("session ended meanwhile")

	// ErrNoValue is returned when the session has no value of the name.
	ErrNoValue = errors.New("no such session value")

	// ErrInvalidValue is returned for a value that cannot be stored, and for a
	// stored value that does not fit the requested type.
	ErrInvalidValue = codec.ErrInvalidValue

	// ErrHeaderSent is returned when a change needs a cookie, and the response
	// header has already been sent. Nothing was stored.
	ErrHeaderSent = errors.New("response header already sent")
)

// Errors of the store, the same values as in package driver.
var (
	// ErrNotFound is returned when no live session has the token or id.
	ErrNotFound = driver.ErrNotFound
	// ErrConflict is returned when a value that Key.Pop took was taken or
	// replaced by another request first.
	ErrConflict = driver.ErrConflict
	// ErrCorrupt is returned when the stored bytes of a session are damaged. In a
	// request it is logged, and the request gets a new session.
	ErrCorrupt = driver.ErrCorrupt
	// ErrNewerFormat: the session was stored by a newer version of this module, or
	// of the store. It is an error in every use, so that a deployment under way
	// logs nobody out.
	ErrNewerFormat = driver.ErrNewerFormat
	// ErrTooLarge: the session is over the store's limit.
	ErrTooLarge = driver.ErrTooLarge
	// ErrClosed: the Manager was closed.
	ErrClosed = driver.ErrClosed
)

func unsupported(op string) error {
	return fmt.Errorf("sessions: %s: this store cannot: %w", op, errors.ErrUnsupported)
}
