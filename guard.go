package sessions

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Guard decides which requests may use a session that their token opens. It sees the
// request beside the session: to refuse the sessions of a disabled account, of another
// country or of another client certificate, or, as package dbsc does, a token that
// was taken from its device.
//
// A guard costs nothing in a request that does not use its session. It is not asked
// about a new session, nor by Manager.Find, All and Owned, which need no token.
//
// The methods of a guard are called while the session is locked. They must not call
// those of a Session, and must not keep the Held. A guard is safe for concurrent use.
type Guard interface {
	// Start is called by New, once, before all else. Its error is New's.
	Start(c GuardConfig) error

	// Admit is called when a token has opened a stored session: once a request, before
	// the first use of the session returns. For Manager.Load, r is nil. Otherwise r is
	// the request that came to Manager.Wrap, and must not be changed.
	//
	// If the error is nil, the session may be used. If it wraps ErrRefused, the session
	// is refused: see there. After any other error, the session could not be loaded,
	// which is an outage, not a refusal.
	Admit(r *http.Request, h Held) error

	// Issue is called when a stored session has a new id and the response is about to
	// carry its token for the first time. It may add fields to the response's header.
	// It is not called when the client gets a token of the same id again.
	Issue(r *http.Request, h Held, header http.Header)
}

// Held is a session as its guard sees it. It is valid during the call that it is an
// argument of.
type Held interface {
	// ID is the session's public ID, as Session.ID returns it.
	ID() string

	// Owner is what Session.Owner returns.
	Owner() string

	// ByHeader reports whether the client sends its token in Options.TokenHeader, not
	// in a cookie.
	ByHeader() bool

	// Note is the guard's note in the session's record, or nil: see
	// Session.EditGuardNote. It must not be changed.
	Note() []byte

	// EditNote changes the note as Session.EditGuardNote does, and stores it now,
	// together with what the program has changed so far. After an error, nothing is
	// changed. If the store keeps its sessions with the clients, the note is stored
	// with the response. Issue cannot change the note.
	EditNote(f func(old []byte) ([]byte, error)) error

	// Quiet keeps this request from counting as a use of the session: it does not
	// prolong the session's life.
	Quiet()
}

// GuardConfig is what a Manager tells its guard.
type GuardConfig struct {
	// Keys returns a 32-byte key for each of the cookie's secrets, the current one
	// first. The keys of one purpose are of no use for another, nor for another
	// application. Without a secret there are none.
	Keys func(purpose string) [][]byte

	// Cookie is the session's cookie with its defaults, without its secrets.
	Cookie Cookie

	// InClient reports whether the store keeps its sessions with the clients, as the
	// cookie store does. There a client can return to an earlier state of its session,
	// and of the guard's note.
	InClient bool

	// Now and Logger are those of Options, with their defaults.
	Now    func() time.Time
	Logger *slog.Logger

	// Hold calls f with the session of the request with this context, for requests to
	// the guard itself. f decides in place of Admit, even if Admit has refused the
	// session. If f refuses, the session is as if it had not been used.
	//
	// Hold returns the error of f. Without a call of f, it returns ErrNotFound if the
	// request has no live session; an error that is both ErrNotFound and ErrEnded if the
	// session was renewed while the request was on its way; or the error of loading it.
	Hold func(ctx context.Context, f func(h Held) error) error
}
