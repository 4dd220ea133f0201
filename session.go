package sessions

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// Session is one client's session in one request. It is loaded from the store
// when it is first used. Its methods are safe for concurrent use.
//
// If loading fails, the session reads as empty and ignores changes, and Err
// returns the error. The middleware then sends the error page instead of the
// handler's response. If the response header has already been sent, it aborts
// the response (http.ErrAbortHandler), unless the handler has called Err. So a
// handler needs Err only to stop early, or to end a response in its own way
// after the header was sent.
type Session struct {
	m       *Manager
	request *http.Request // as it came to Manager.Wrap; nil outside of a request
	// rawTokens is the request's Cookie or token header as it was before the
	// handler could change it.
	rawTokens string

	mu         sync.Mutex
	phase      phase
	byHeader   bool // the client uses Options.TokenHeader, not a cookie
	headerSent bool // the response header has been sent
	// active: the session was used since the response's commit, or has values that
	// may change in place. If not, there is nothing to commit after the handler.
	active atomic.Bool
	*state // nil while untouched
}

// Err loads the session if it was not used yet, and returns the load error, or
// nil.
func (s *Session) Err() error {
	s.touch()
	defer s.mu.Unlock()
	err := s.loadError()
	s.errObserved = err != nil
	return err
}

// Get returns the value of that name, or nil if there is none. A value from the
// store has the natural Go type for CBOR: bool, int64, float64, string, []byte,
// time.Time, []any or map[string]any, and big.Int for an integer that int64
// cannot hold. If any map in the value has a key that is not a string, all its
// maps are map[any]any. Use a Key to read a value as its own type.
func (s *Session) Get(name string) any {
	s.touch()
	defer s.mu.Unlock()
	v, _, err := content.Get[any](&s.view, name)
	if err != nil {
		s.warnMisfit(name, "any", err)
		return nil
	}
	return v
}

func (s *Session) warnMisfit(name, typ string, err error) {
	s.m.log.Warn("sessions: stored value does not fit its type", "session", s.publicID(), "key", name, "type", typ, "error", err)
}

// Has reports whether there is a value of that name.
func (s *Session) Has(name string) bool {
	s.touch()
	defer s.mu.Unlock()
	return s.view.Has(name)
}

// Set replaces the value of that name. See Key for what v may be.
func (s *Session) Set(name string, v any) {
	s.touch()
	defer s.mu.Unlock()
	if s.phase != failed && s.base.Version == 0 { // like do, but without allocating a change
		s.noteChange()
		s.view.Set(name, v)
		return
	}
	s.do(&content.Set{Name: name, Val: v})
}

// Delete removes the value of that name, if there is one.
func (s *Session) Delete(name string) {
	s.touch()
	defer s.mu.Unlock()
	s.noteChange()
	if s.view.Has(name) {
		s.do(&content.Delete{Name: name})
	}
}

// Clear removes all values and flash messages. The session keeps its ID, its
// owner and its settings.
func (s *Session) Clear() {
	s.touch()
	defer s.mu.Unlock()
	s.noteChange()
	if !s.view.Empty() || s.base.Version != 0 {
		s.do(content.Clear{})
	}
}

// Keys returns the names of the values, sorted.
func (s *Session) Keys() []string {
	s.touch()
	defer s.mu.Unlock()
	return s.view.Names()
}

// Decode stores the value of that name in the variable that into points to. It
// returns ErrNoValue if there is none, ErrInvalidValue if it does not fit, or
// the error of loading the session.
func (s *Session) Decode(name string, into any) error {
	s.touch()
	defer s.mu.Unlock()
	if err := s.loadError(); err != nil {
		return err
	}
	ok, err := s.view.Decode(name, into)
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if !ok {
		return fmt.Errorf("sessions: %q: %w", name, ErrNoValue)
	}
	return nil
}

// ID returns the session's public ID, 64 hex digits. It is the record's key in
// the store: safe to log, and useless as a credential. Renew and Invalidate
// change it immediately.
func (s *Session) ID() string {
	s.touch()
	defer s.mu.Unlock()
	return s.publicID()
}

func (s *Session) publicID() string { return s.current().key.String() }

// Token returns the credential that is in the session's cookie, for clients
// that keep it elsewhere and for Manager.Load. It is a bearer secret: do not log
// it. The token of a new session is valid once the session
// has been committed. Token returns "" for a session from Manager.All, Owned or
// Find, because the store does not know it. In the cookie store, every commit
// makes a new token, and Token returns "" before the first commit.
func (s *Session) Token() string {
	s.touch()
	defer s.mu.Unlock()
	return s.token()
}

func (s *Session) token() string { return s.tokenOf(s.current()) }

func (s *Session) tokenOf(i *identity) string {
	switch {
	case s.m.sealer != nil:
		return s.sealed
	case i.held:
		return s.m.tokens.Encode(i.id)
	default:
		return ""
	}
}

// Cookie returns the session's cookie: its Token, with the name, the attributes
// and the expiry that a response gives it. It is for programs that send or set the
// cookie themselves: without Manager.Wrap, or in an end-to-end test. It gives access
// to the session, as Token does.
func (s *Session) Cookie() *http.Cookie {
	s.touch()
	defer s.mu.Unlock()
	c, err := http.ParseSetCookie(s.m.cookie.Live(s.token(), s.expires(), s.m.opts.Now()))
	if err != nil {
		panic("sessions: the manager's own cookie is malformed: " + err.Error()) // New checked it
	}
	return c
}

// IsNew reports whether the session was created during this request, even if it
// has been saved since.
func (s *Session) IsNew() bool {
	s.touch()
	defer s.mu.Unlock()
	return s.isNew || s.idChange == invalidate
}

// Created returns when the session was created, in UTC, to the millisecond.
func (s *Session) Created() time.Time {
	s.touch()
	defer s.mu.Unlock()
	return s.created.Time()
}

// LastAccessed returns when the session was last used before this request, with
// the precision of Options.IdleTimeout (a day without one). For a new session
// it returns Created.
func (s *Session) LastAccessed() time.Time {
	s.touch()
	defer s.mu.Unlock()
	if s.isNew || s.idChange == invalidate {
		return s.created.Time()
	}
	return s.accessed.Time()
}

// Deadline returns when the session will end, in UTC, if it is not used after
// this request: by its idle timeout or its lifetime, whichever comes first.
// With neither, that is in 400 days. Deadline returns the zero time if the
// session could not be loaded. Calling it counts as a use of the session, so a
// page that polls it keeps the session alive.
func (s *Session) Deadline() time.Time {
	s.touch()
	defer s.mu.Unlock()
	if s.loadError() != nil {
		return time.Time{}
	}
	var rec driver.Record
	s.times(&rec)
	return rec.Expires.Time()
}

// SetExpires overrides Options.Cookie.Expires for this session, as for "remember
// me".
// It returns an error if e is in the past or is not valid for a cookie, and
// ErrHeaderSent if the client can no longer get a new cookie.
func (s *Session) SetExpires(e Expiry) error {
	s.touch()
	defer s.mu.Unlock()
	err := e.cookie.Check(s.m.opts.Now())
	if err == nil && s.headerSent {
		err = ErrHeaderSent
	}
	if err != nil {
		return fmt.Errorf("sessions: set expires: %w", err)
	}
	s.do(&content.SetExpires{Expires: e.cookie})
	return s.loadError()
}

// SetIdleTimeout overrides Options.IdleTimeout for this session. d is in whole
// milliseconds, at most 100 years; 0 is no limit. The lifetime still applies.
func (s *Session) SetIdleTimeout(d time.Duration) error {
	if err := checkTimeout(d); err != nil {
		return fmt.Errorf("sessions: set idle timeout: %w", err)
	}
	s.touch()
	defer s.mu.Unlock()
	s.do(&content.SetIdleTimeout{Timeout: d})
	return s.loadError()
}

// SetLifetime overrides Options.Lifetime for this session, such as with 30 days
// for "remember me". It counts from Created. d is in whole milliseconds, at most
// 100 years; 0 is no limit. The idle timeout still applies. If the session is
// already older than d, it ends with this request. Renew keeps the setting.
func (s *Session) SetLifetime(d time.Duration) error {
	if err := checkTimeout(d); err != nil {
		return fmt.Errorf("sessions: set lifetime: %w", err)
	}
	s.touch()
	defer s.mu.Unlock()
	s.do(&content.SetLifetime{Lifetime: d})
	return s.loadError()
}

// ResetSettings undoes SetExpires, SetIdleTimeout and SetLifetime, also those of
// earlier requests. It returns ErrHeaderSent if the client can no longer get a
// new cookie.
func (s *Session) ResetSettings() error {
	s.touch()
	defer s.mu.Unlock()
	if s.headerSent {
		return fmt.Errorf("sessions: reset settings: %w", ErrHeaderSent)
	}
	s.do(content.ResetSettings{})
	return s.loadError()
}

// GuardNote returns the note of Options.Guard in the session's record, or nil.
func (s *Session) GuardNote() []byte {
	s.touch()
	defer s.mu.Unlock()
	return bytes.Clone(s.view.Note)
}

// EditGuardNote replaces the note of Options.Guard by the result of f, at most 1 KiB.
// f gets the present note. The new note is committed with the session's other changes.
// If f returns an error, EditGuardNote returns it and changes nothing. It also returns
// the load error.
//
// If another request edits the note first, the commit calls f again with the newer
// note, and fails if f returns an error. It fails with ErrConflict if another request has
// changed the owner, to whom the note belongs. So f must have no side effects and must
// not use the session.
//
// Clear and Renew keep the note. SetOwner with another owner and Invalidate drop it. A
// session that has only a note is not stored.
func (s *Session) EditGuardNote(f func(old []byte) ([]byte, error)) error {
	s.touch()
	defer s.mu.Unlock()
	if err := s.loadError(); err != nil {
		return err
	}
	s.noteChange()
	edit := &content.EditNote{F: f, Owner: s.view.Owner}
	if err := edit.Apply(&s.view); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if s.base.Version != 0 {
		s.changes = s.changes.Append(edit)
	}
	return nil
}

// Renew gives the session a new ID and keeps its data. The old ID stops working.
// Call Renew when a client's rights change, above all at sign-in, so that an ID
// that an attacker planted or saw before cannot be used (OWASP ASVS 5.0, 7.2.4).
// The ID changes with the commit or Save. A session that is not stored yet has a
// new ID anyway.
//
// For two minutes, the store keeps a forward under the old ID. It is for late
// requests: those that the client sent before it had the new ID. A late request
// reads an empty session, and its changes fail with ErrEnded. If it calls
// Destroy or Invalidate, it ends the renewed session. If it calls Renew, or
// SetOwner with an owner, it gets a new session, and the renewed one remains. So
// do not call Renew to change IDs regularly: set Options.RenewAfter.
//
// Renew returns ErrHeaderSent if the response header has been sent, and
// errors.ErrUnsupported for a session from Manager.All, Owned or Find.
func (s *Session) Renew() error { return s.changeID("renew", renew) }

// Invalidate replaces this session with a new, empty one under a new ID. The old
// ID stops working, as after Renew. Invalidate takes effect with the commit or
// Save, and returns the errors of Renew.
func (s *Session) Invalidate() error { return s.changeID("invalidate", invalidate) }

func (s *Session) changeID(op string, to idChange) error {
	s.touch()
	defer s.mu.Unlock()
	switch {
	case s.phase == failed:
		return s.loadError()
	case s.base.Version != 0 && !s.id.held && s.m.sealer == nil:
		return unsupported(op + " a listed session")
	case s.headerSent:
		return fmt.Errorf("sessions: %s: %w", op, ErrHeaderSent)
	}
	if to == invalidate {
		s.view, s.changes, s.fault = content.Content{}, s.changes.AfterInvalidate(), nil
		s.created = s.m.now()
	}
	if s.base.Version == 0 {
		s.next = identity{}
		switch {
		case s.lateness != onTime && to == invalidate:
			s.lateness = lateInvalidate
		case s.lateness != refused: // there, only an owner makes it a sign-in
			s.noteSignIn()
		}
		return nil
	}
	if !s.next.forwarded { // else another ID could not be reached if the forward is stored
		s.next = newIdentity()
	}
	s.idChange = max(s.idChange, to)
	return nil
}

// Revert undoes the changes since the session was loaded or last saved,
// including Renew and Invalidate.
func (s *Session) Revert() {
	s.touch()
	defer s.mu.Unlock()
	s.revert()
}

func (s *Session) revert() {
	if s.phase == failed {
		return // there is nothing to revert
	}
	s.changes, s.fault = nil, nil
	switch {
	case s.refusal != nil:
		s.lateness = refused
	case s.lateness != onTime:
		s.lateness = late
	}
	if s.base.Version == 0 {
		s.view = content.Content{}
		return
	}
	s.idChange, s.next = keepID, identity{}
	view, err := content.Parse(s.base.Data, s.base.Owner)
	if err != nil {
		s.fail(err) // it was parsed or written before
		return
	}
	s.view, s.created = view, s.base.Created
}

// Destroy ends the session. It removes the record immediately and drops all
// changes; the response deletes the client's cookie. Values that are set
// afterwards start a new session. If the store fails, Destroy returns the error
// and the commit tries again. If that fails too, the client gets the error page
// and keeps its cookie. ctx and Options.StoreTimeout bound the call.
//
// The cookie store has no record to remove: a copy of the cookie works until it
// expires.
func (s *Session) Destroy(ctx context.Context) error {
	s.lock()
	defer s.mu.Unlock()
	if s.m.sealer != nil && s.headerSent {
		return fmt.Errorf("sessions: destroy: %w", ErrHeaderSent)
	}
	if s.state == nil {
		s.state = new(state)
	}
	s.active.Store(true)
	if s.phase != loaded || s.lateness != onTime {
		for v := range s.verifiedTokens() {
			s.deleteLater(v.key, 0)
		}
	}
	switch {
	case s.phase != loaded, !s.id.known:
	case s.m.sealer == nil:
		s.deleteLater(s.id.key, s.base.Version)
	default:
		s.m.note(sessionless{ctx}, eventDestroyed, s.id.key) // as far as that goes
	}
	s.phase, s.fault = loaded, nil
	s.start()
	s.cookieAction = noCookie
	for token := range s.clientTokens() {
		if token != "" || !s.byHeader {
			s.cookieAction = deleteCookie
		}
		break
	}
	return s.flushDeletes(ctx)
}

// LogValue returns the session's public ID, so that a Session can be an argument
// of a log call. It does not load the session: it returns "unused" if the
// session has not been used yet.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns the same text as LogValue.
func (s *Session) String() string {
	if s == nil {
		return "none"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == untouched {
		return "unused"
	}
	return s.publicID()
}

// Format prints the result of String for every verb, so that not even %+v
// prints the secret ID.
func (s *Session) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }
