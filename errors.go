package sessions

import (
	"errors"
	"fmt"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/codec"
)

// Errors of the session itself.
var (
	// ErrOptions is what New fails with when options are at fault.
	ErrOptions = errors.New("invalid options")

	// ErrEnded: the session was destroyed, renewed or expired while the request
	// used it, so its changes have nowhere to go. The client's cookie is left
	// alone: it may be that of a newer session.
	ErrEnded = errors.New("session ended meanwhile")

	// ErrValue: a value cannot be encoded, or one that is stored does not fit
	// the type that it is asked for.
	ErrValue = codec.ErrInvalidValue

	// ErrHeaderSent: the change needs a cookie, and the response's header has
	// left already. Nothing was stored.
	ErrHeaderSent = errors.New("response header already sent")
)

// Errors of the store, the same values as in package driver.
var (
	// ErrNotFound: there is no live session for the token or id, or no value of
	// the name.
	ErrNotFound = driver.ErrNotFound
	// ErrConflict: a value that Key.Pop took was taken or replaced by another
	// request first.
	ErrConflict = driver.ErrConflict
	// ErrCorrupt: the session's stored bytes are damaged. In a request it is
	// logged, and the session starts anew.
	ErrCorrupt = driver.ErrCorrupt
	// ErrFormat: the session was stored by a newer version of this module, or
	// of the store. It is an error in every use, so that a deployment under way
	// logs nobody out.
	ErrFormat = driver.ErrFormat
	// ErrTooLarge: the session is over the store's limit.
	ErrTooLarge = driver.ErrTooLarge
	// ErrClosed: the Manager was closed.
	ErrClosed = driver.ErrClosed
)

func unsupported(op string) error {
	return fmt.Errorf("sessions: %s: this store cannot: %w", op, errors.ErrUnsupported)
}
