package sessions

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Guard decides whether a request may use its session. A valid token alone is then not
// enough: a guard can refuse the sessions of a disabled account, requests from another
// country or with another client certificate, or, like that of package dbsc, a token
// that was copied to another device.
//
// A guard is not called in a request that does not use its session, for a new session,
// or by Manager.Find, All and Owned, which need no token.
//
// The methods are called while the session is locked. They must not call methods of a
// Session, and must not keep the Held. They must be safe for concurrent use.
type Guard interface {
	// Start is called once, by New, before the other methods. New returns its error.
	Start(c GuardConfig) error

	// Admit is called once per request, when the stored session has been loaded for its
	// first use. r is the request that was passed to Manager.Wrap, which must not be
	// changed, or nil for Manager.Load.
	//
	// If Admit returns nil, the session may be used. If it returns an error that wraps
	// ErrRefused, the session is refused; see ErrRefused. Any other error is treated as a
	// load error, like an outage of the store.
	Admit(r *http.Request, h Held) error

	// Issue is called before the token of a stored session with a new ID is sent for the
	// first time. It may add fields to the response's header. It is not called when the
	// client gets a token with the same ID again.
	Issue(r *http.Request, h Held, header http.Header)
}

// Held is the session that is passed to a guard. It is valid only during the call.
type Held interface {
	// ID returns the session's public ID, like Session.ID.
	ID() string

	// Owner returns the session's owner, like Session.Owner.
	Owner() string

	// ByHeader reports whether the client sends its token in Options.TokenHeader, not
	// in a cookie.
	ByHeader() bool

	// Note returns the guard's note in the session's record, or nil. It must not be
	// changed. See Session.EditGuardNote.
	Note() []byte

	// EditNote changes the note like Session.EditGuardNote, but stores it immediately,
	// together with all changes that the program has made to the session so far. If
	// EditNote returns an error, it has changed nothing.
	//
	// If the store keeps its sessions with the clients, the note is stored with the
	// response instead. EditNote always returns an error in Issue. It also returns one
	// if the program has called Renew or Invalidate and has not saved the session since.
	EditNote(f func(old []byte) ([]byte, error)) error

	// Quiet prevents this request from counting as a use of the session, so it does not
	// extend the session's idle timeout.
	Quiet()
}

// GuardConfig is the configuration passed to Guard.Start.
type GuardConfig struct {
	// Keys derives a 32-byte key for a purpose from each of the cookie's secrets, the
	// current secret's first. Keys differ by purpose and by application. It returns none
	// if there is no secret.
	Keys func(purpose string) [][]byte

	// Cookie is Options.Cookie with its defaults, without its secrets.
	Cookie Cookie

	// InClient reports whether the store keeps its sessions with the clients, like the
	// cookie store. A client can then return to an earlier state of its session, and of
	// the guard's note.
	InClient bool

	// Now and Logger are Options.Now and Options.Logger, with their defaults.
	Now    func() time.Time
	Logger *slog.Logger

	// Hold calls f with the session of the request whose context is ctx. A guard's own
	// HTTP handlers call it. f decides in place of Admit, even if Admit has already
	// refused the session in this request. If f returns nil, the request may use the
	// session.
	//
	// If f returns an error that wraps ErrRefused, the session is empty for the rest of
	// the request, and its changes fail with ErrEnded. But if Admit has already admitted
	// the session in this request, the request can still use it.
	//
	// Hold returns the error of f. If there is no session to call f with, Hold returns
	// ErrNotFound if the request has no live session, an error that matches both
	// ErrNotFound and ErrEnded if the request is late (see Session.Renew), or else the
	// load error.
	Hold func(ctx context.Context, f func(h Held) error) error
}
