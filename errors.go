package sessions

import (
	"errors"
	"fmt"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/codec"
)

// Errors of the session itself.
var (
	// ErrInvalidOptions is returned by New and OpenStore for invalid options.
	ErrInvalidOptions = errors.New("invalid options")

	// ErrEnded is returned when the session was destroyed, renewed or expired
	// while the request used it, so its changes cannot be stored. The response
	// does not touch the client's cookie, which may be that of a newer session.
	ErrEnded = errors.New("session has ended")

	// ErrRefused is returned when Options.Guard has refused the session. The
	// session reads as empty and cannot be changed. The response is the error
	// page, 403 Forbidden, and the client keeps its cookie. Session.Destroy and
	// Session.Invalidate still end the session, and Session.SetOwner with an
	// owner, as at a sign-in, starts a new one.
	ErrRefused = errors.New("session refused")

	// ErrNoValue is returned when the session has no value of that name.
	ErrNoValue = errors.New("no such session value")

	// ErrInvalidValue is returned for a value that cannot be stored, and for a
	// stored value that does not fit the requested type.
	ErrInvalidValue = codec.ErrInvalidValue

	// ErrHeaderSent is returned when a change needs a new cookie but the
	// response header has already been sent. Nothing was stored.
	ErrHeaderSent = errors.New("response header already sent")
)

// Errors of the store, the same values as in package driver.
var (
	// ErrNotFound is returned when no live session has the token or ID.
	ErrNotFound = driver.ErrNotFound
	// ErrConflict is returned when Key.Pop took a value that another request
	// took or replaced before the commit, or when the guard's note was edited for an
	// owner that another request has changed.
	ErrConflict = driver.ErrConflict
	// ErrCorrupt is returned when the stored bytes of a session are damaged. A
	// request does not fail with it: the damage is logged, and the request gets
	// a new session.
	ErrCorrupt = driver.ErrCorrupt
	// ErrNewerFormat is returned when the session was stored by a newer version
	// of this module or of the store. It is always an error, never a new
	// session, so that a rolling deployment signs nobody out.
	ErrNewerFormat = driver.ErrNewerFormat
	// ErrTooLarge is returned when the session exceeds the store's limit.
	ErrTooLarge = driver.ErrTooLarge
	// ErrClosed is returned after the Manager was closed.
	ErrClosed = driver.ErrClosed
)

func unsupported(op string) error {
	return fmt.Errorf("sessions: %s: this store cannot: %w", op, errors.ErrUnsupported)
}
