// Package gorillasessions makes a Manager usable as a Store of gorilla/sessions.
// Libraries that need such a Store (goth, gin-contrib/sessions, echo-contrib/session)
// and programs written for gorilla/sessions then work with every store of this library.
// It is a separate module.
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "memory"})
//	store := gorillasessions.New(m)
//	gothic.Store = store
//
// Programs and libraries call Get, change Values and call Save, as before. These things
// change: values set by parallel requests are merged, a sign-out is final, an outage of
// the store is an error, and all names share one cookie, the manager's.
//
// # Types
//
// As with gob, a value keeps the Go type with which it was set: an int is read back as
// an int, and a struct as that struct if its type was passed to gob.Register. Keys are
// strings, integers, booleans and named types of these, which must be registered too.
// For a value that could not be read back, Save returns an error that matches
// [sessions.ErrInvalidValue], and stores nothing. gob's rules apply: unexported fields
// are left out, and an empty slice in a struct is read back as nil.
//
// # Merging
//
// Save stores what the request has changed since Get: values that were set, deleted,
// or changed in place. It does not write other values, so it keeps the changes that
// parallel requests made to them. If two requests change the same value, the later Save
// wins, for this value only. Flash messages that parallel requests add are all kept.
// Values contains what was stored at the time of Get, with the request's own changes.
//
// # Names
//
// All names share one session of the manager and its cookie. Each name has its own
// values, and ending one name keeps the others. A session is new (IsNew) if its name has
// no values. A session without values sets no cookie. Session.ID is the public ID of the
// manager's session. It is the same for all names, empty until the session is stored,
// and not a credential.
//
// # Options
//
// When Save stores a new MaxAge, it becomes the expiry of the cookie and the idle timeout
// of the session, in place of the manager's. It counts from the last use. With 0, the
// cookie ends with the browser, and the manager's timeouts apply. Later requests find
// the stored MaxAge in Options; saving it again changes nothing. All names share one
// cookie: if two of them set different MaxAges, the later Save wins.
// sessions.Options.Lifetime applies in any case.
//
// Path, Domain, Secure, HttpOnly, SameSite and Partitioned are those of
// sessions.Options.Cookie. If a session's Options require something else, such as
// SameSite Strict or the path /admin, Save stores nothing and returns [ErrOptions], which
// names the fields: a cookie with weaker attributes would be a silent loss of security.
// A zero field requires nothing. In a program that ignores the errors of Save, such
// sessions are never stored, so log these errors.
//
// # Signing in and out
//
// [SignIn] makes the next Save give the session a new ID and an owner. Inside Wrap,
// sessions.FromContext(r.Context()) returns the manager's session, with Renew, SetOwner
// and all other methods.
//
// A negative MaxAge is a sign-out. If the manager's session has no values of other names
// or of the program, and no owner but that of SignIn for this name, Save destroys it and
// deletes the cookie; flash messages added with its AddFlash are lost. Otherwise Save
// deletes the values of this name, and the owner if SignIn set it for this name, and
// gives the session a new ID. In both cases, a request in flight cannot bring the values
// back: its Save fails with [sessions.ErrEnded]. To delete values without a sign-out,
// delete them from Values.
//
// # With and without Wrap
//
// With m.Wrap around the program, the Gets of all names cost one read together, and a
// Save one write. The middleware sends the cookie and refreshes it. If the session could
// not be loaded or saved, it sends the error page, even if the program ignored the error.
// A Save after the header was sent succeeds if it needs no cookie, and returns
// [sessions.ErrHeaderSent] otherwise.
//
// Without Wrap, the store loads and commits by itself. Changes are merged, sign-outs are
// final, an outage is an error, and an unknown ID is never adopted. But each Get costs a
// read for each name, and each Save a read and a write, and always sends the cookie.
// There is no error page for errors that the program ignores, and Options.TokenHeader and
// Options.RenewAfter have no effect. A Save after the header was sent is noticed only if
// the response has a method Written() bool, as gin's has; otherwise the cookie is lost,
// as with gorilla's own stores.
//
// # The cookie store
//
// With the cookie store, all of this holds except what needs a record on the server: the
// last response wins, and a copied cookie works until it expires. The session has about
// 2 KB, and each value takes about 30 bytes besides its own size; structs take more. The
// tokens of a provider (goth) may be too large; Save then returns
// [sessions.ErrTooLarge].
package gorillasessions
