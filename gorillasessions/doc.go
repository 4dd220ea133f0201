// Package gorillasessions presents a Manager as a Store of gorilla/sessions, so that
// libraries that demand one (goth, gin-contrib/sessions, echo-contrib/session) and
// programs written for it keep working, on every store of this library. It is a
// separate module.
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "memory"})
//	store := gorillasessions.New(m)
//	gothic.Store = store
//
// Programs and libraries call Get, change Values and call Save, as before. What is new:
// parallel requests merge value by value, a sign-out is final, a store that is down is
// an error, and there is one cookie, the manager's, for all names.
//
// # Types
//
// A value has the Go type with which it was set, as gob promises: an int comes back
// as an int, a struct of a type that was given to gob.Register as that struct. Keys are
// strings, integers, booleans and named types of these (registered too). What would not
// come back is refused: Save returns an error that matches [sessions.ErrInvalidValue],
// and stores nothing. gob's rules hold: unexported fields are left out, an empty slice
// in a struct comes back as nil.
//
// # Merging
//
// Save stores what the request has changed since Get: values that were set, deleted,
// or changed in place. Other values are not written, so changes that parallel requests
// made to them remain. If two requests change one value, the later Save wins, for this
// value only. Flash messages that parallel requests add are all kept.
// Values shows what was stored at the time of Get, and the request's own changes.
//
// # Names
//
// All names share one session of the manager and its cookie. Each has its own values;
// ending one leaves the others. A session is new (IsNew) if its name has no values. A
// session without values makes no cookie. Session.ID is the public ID of the manager's
// session, the same for all names, and empty until it is stored; it is no credential.
//
// # Options
//
// MaxAge is the expiry of the cookie and the idle timeout of the session, in place of
// the manager's, from the Save that sets it: it counts from the last use.
// sessions.Options.Lifetime still limits the session. 0 is a cookie that ends with the
// browser, and the manager's timeouts. A MaxAge that is the one the session has
// changes nothing, and a later request finds it in Options. The names have one cookie:
// if two set different MaxAges, the later Save wins.
//
// Path, Domain, Secure, HttpOnly, SameSite and Partitioned are those of
// sessions.Options.Cookie. A session whose Options ask for something else is refused:
// Save returns [ErrOptions], which names the fields. A program that asks for SameSite
// Strict or for the path /admin relies on it, and a cookie that goes further must not
// pass unnoticed. A zero field asks for nothing. Programs that ignore the error of Save
// have no session then, so log it.
//
// # Signing in and out
//
// [SignIn] gives the session a new ID with the next Save, and an owner. Inside Wrap,
// sessions.FromContext(r.Context()) has Renew, SetOwner and all else as well.
//
// A negative MaxAge is a sign-out. It ends the manager's session (Destroy) if there is
// nothing else in it, and the cookie is deleted. If other names or the program's own
// values are there, those of this name are deleted, and the session gets a new ID
// (Renew). In both cases, requests that are under way cannot bring the values back:
// their Save fails with [sessions.ErrEnded]. The owner goes if SignIn set it for this
// name. Flash messages of the manager's session end with it. To delete values without
// that, delete them from Values.
//
// # Inside Wrap and outside
//
// Put m.Wrap around the program. Then Get costs one read for all names, Save one write;
// the middleware sends the cookie, keeps it fresh, and answers with an error page if
// the session could not be loaded or saved, even if the program ignored the error. A
// Save after the header was sent works if no cookie is needed, and is
// [sessions.ErrHeaderSent] otherwise.
//
// Without Wrap, the store loads and commits by itself: merging, final sign-outs, errors
// in an outage and unknown IDs that are never adopted hold as well. Each Get costs a
// read for each name, and each Save a read and a write, and always sends the cookie.
// What is missing is the error page for errors that the program ignores,
// Options.TokenHeader and Options.RenewAfter. A Save after the header was sent is noticed only if the response
// has a method Written() bool, as gin's has; otherwise the cookie is lost, as it is
// with gorilla.
//
// # The cookie store
//
// All of this holds with the cookie store, except what needs a record on the server:
// the last response wins, and a copied cookie works until it expires. Each value costs about 30 bytes of the session's 2 KB beside its own size,
// structs more: a provider's tokens (goth) may be too large, which is an error.
package gorillasessions
