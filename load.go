package sessions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/deadline"
)

// maxCandidates limits the work for a request with many cookies of this name,
// which a neighboring host can plant. maxGenuine limits the store calls for a
// request with many that verify.
const (
	maxCandidates = 16
	maxGenuine    = 4
)

// tokenSource returns the part of the request's header that holds tokens: the
// field of Options.TokenHeader if the client uses it, or else its cookies. It is
// called first, because the handler may remove both.
func (m *Manager) tokenSource(h http.Header) (line string, byHeader bool) {
	if m.header.Name != "" {
		if lines := h[m.header.Name]; len(lines) > 0 {
			if _, ok := m.header.Token(lines[0]); ok {
				return lines[0], true
			}
		}
	}
	switch lines := h["Cookie"]; len(lines) {
	case 0:
		return "", false
	case 1:
		return lines[0], false
	default:
		return strings.Join(lines, ";"), false
	}
}

// clientTokens yields the tokens that the client sent: the one in the header
// field if the client uses it, or else those in its cookies, up to a limit.
func (s *Session) clientTokens() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.byHeader {
			token, _ := s.m.header.Token(s.rawTokens)
			yield(token)
			return
		}
		n := 0
		for token := range s.m.cookie.Values(s.rawTokens) {
			if n++; n > maxCandidates || !yield(token) {
				return
			}
		}
	}
}

// verified is a session that the client presents with a token that verifies.
type verified struct {
	identity
	oldSecret bool // signed with a previous secret
}

// verifiedTokens yields the sessions that the client presents, in the order in
// which it does.
func (s *Session) verifiedTokens() iter.Seq[verified] {
	return func(yield func(verified) bool) {
		genuine := 0
		for token := range s.clientTokens() {
			i, oldSecret, ok := s.m.tokens.Decode(token)
			if !ok {
				continue
			}
			if genuine++; !yield(verified{identityOf(i), oldSecret}) || genuine == maxGenuine {
				return
			}
		}
	}
}

// load loads the session that the request presents, or makes it a new one.
func (s *Session) load() {
	err := s.open(nil)
	s.phase = loaded
	byGuard, isByGuard := errors.AsType[guardError](err)
	switch {
	case err == nil:
	case isByGuard && byGuard.refusal:
		s.start()
		s.lateness, s.refusal = refused, fmt.Errorf("sessions: load: %w", byGuard)
	case isByGuard:
		s.loadFailed(err)
	case errors.Is(err, ErrEnded): // forwarded
		s.start()
		s.lateness = late
	case errors.Is(err, ErrNotFound):
		s.start() // an unknown ID is never adopted
	case errors.Is(err, ErrCorrupt):
		s.warnDamaged(err)
		s.start()
	default:
		s.loadFailed(err)
	}
}

func (s *Session) loadFailed(err error) {
	s.created, s.isNew = s.m.now(), true
	s.phase, s.fault = failed, fmt.Errorf("sessions: load: %w", err)
}

// open brings in the first live session that the client presents and that is
// admitted: by decide, or else by the guard.
func (s *Session) open(decide func(Held) error) error {
	if s.m.sealer != nil {
		return s.unsealFirst(decide)
	}
	return s.fetchFirst(decide)
}

// fetchFirst is open for a store that keeps its records itself. After Path or
// Domain has changed, a browser keeps the old cookie and may send it first. Its
// session ends sooner or later, and must not hide that of the cookie behind it. Nor
// must a session that is refused.
func (s *Session) fetchFirst(decide func(Held) error) error {
	var refusal, late error
	parent := s.context()
	if s.headerSent { // the request's context may have ended
		parent = context.WithoutCancel(parent)
	}
	ctx := &s.loading
	ctx.Context = deadline.Make(parent, s.m.opts.StoreTimeout, &s.m.timers)
	defer ctx.Release()
	for who := range s.verifiedTokens() {
		err := s.fetch(ctx, who.identity, who.oldSecret)
		if err == nil {
			if err = s.admit(decide); !isRefusal(err) {
				return err
			}
			refusal = err
			continue
		}
		switch {
		case errors.Is(err, ErrEnded): // forwarded
			s.m.note(s.context(), eventLate, who.key)
			late = err
		case errors.Is(err, ErrNotFound):
			s.m.note(s.context(), eventOver, who.key)
		case errors.Is(err, ErrCorrupt):
			s.warnDamaged(err)
		default:
			return err
		}
	}
	if refusal == nil && late == nil {
		return ErrNotFound
	}
	return errors.Join(refusal, late)
}

// guardError is an error with which the guard has not admitted a session.
type guardError struct {
	error
	refusal bool // not an outage
}

func (e guardError) Unwrap() error { return e.error }

func isRefusal(err error) bool {
	e, ok := err.(guardError)
	return ok && e.refusal
}

// admit has decide, or else the guard, if there is one, decide on the session that
// was brought in. If the session is not admitted, or the guard panics, nothing of it
// remains here.
func (s *Session) admit(decide func(Held) error) error {
	asked := decide == nil
	if asked {
		if s.m.opts.Guard == nil {
			return nil
		}
		decide = func(h Held) error { return s.m.opts.Guard.Admit(s.received(), h) }
	}
	admitted := false
	defer func() {
		s.deciding = false
		if !admitted {
			s.base, s.view, s.quiet, s.cookieAction = driver.Record{}, content.Content{}, false, noCookie
		}
	}()
	s.deciding = true
	err := decide((*held)(s))
	if admitted = err == nil; admitted {
		return nil
	}
	if !errors.Is(err, ErrRefused) {
		return guardError{fmt.Errorf("guard: %w", err), false}
	}
	if asked {
		s.m.log.Info("sessions: session refused", "session", s.id.key.String(), "error", err)
	}
	return guardError{err, true}
}

// received returns the request with the cookies that it came with, which the handler
// may have removed.
func (s *Session) received() *http.Request {
	r := s.request
	if r == nil || s.byHeader {
		return r
	}
	if line, byHeader := s.m.tokenSource(r.Header); line == s.rawTokens && !byHeader {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Set("Cookie", s.rawTokens)
	return r
}

// held is a session as its guard sees it.
type held Session

func (h *held) ID() string     { return h.id.key.String() }
func (h *held) Owner() string  { return h.view.Owner }
func (h *held) ByHeader() bool { return h.byHeader }
func (h *held) Note() []byte   { return h.view.Note }
func (h *held) Quiet()         { h.quiet = true }

// EditNote implements Held. It does not wait for the commit, so that what the guard
// decides does not depend on what the program does with the session: it may panic,
// Revert, or not Save.
func (h *held) EditNote(f func(old []byte) ([]byte, error)) error {
	s := (*Session)(h)
	if !s.deciding || s.idChange != keepID {
		return errors.New("sessions: edit note: not possible in Issue or with an uncommitted change of the ID")
	}
	base, view, changes, fault := s.base, s.view, s.changes, s.fault
	edit := &content.EditNote{F: f, Owner: s.view.Owner}
	err := edit.Apply(&s.view)
	if err == nil {
		s.changes = append(slices.Clip(changes), edit)
	}
	if err == nil && s.m.sealer == nil {
		bounded := s.m.storeContext(context.WithoutCancel(s.context()))
		defer bounded.Release()
		err = s.update(bounded)
	}
	if err != nil {
		s.base, s.view, s.changes, s.fault = base, view, changes, fault
		return fmt.Errorf("sessions: %w", err)
	}
	return nil
}

// hold is GuardConfig.Hold.
func (m *Manager) hold(ctx context.Context, f func(Held) error) error {
	s := m.FromContext(ctx)
	s.lock()
	defer s.mu.Unlock()
	if s.phase == loaded && s.lateness == onTime {
		if s.base.Version == 0 {
			return ErrNotFound
		}
		s.deciding = true
		defer func() { s.deciding = false }()
		return f((*held)(s))
	}
	s.phase, s.state = untouched, new(state)
	if err := s.open(f); err != nil {
		s.active.Store(false)
		if byGuard, ok := errors.AsType[guardError](err); ok && byGuard.refusal {
			// What f has refused stays closed for the rest of the request. The guard is
			// not asked again: its refusal would replace its own response.
			s.start()
			s.phase, s.lateness = loaded, late
			return err
		}
		s.state = nil
		return err
	}
	s.phase = loaded
	s.active.Store(true)
	return nil
}

func (s *Session) warnDamaged(err error) {
	s.m.log.Warn("sessions: damaged record; the session starts empty", "session", s.publicID(), "error", err)
}

// fetch reads the record of who.
func (s *Session) fetch(ctx context.Context, who identity, oldSecret bool) error {
	s.id, s.oldSecret = who, oldSecret
	rec, err := s.m.store.Load(ctx, who.key)
	if err != nil {
		return err
	}
	return s.adopt(rec)
}

// adopt makes the record the session's base and view, unless the session has
// ended by a limit that was shortened since.
func (s *Session) adopt(rec driver.Record) error {
	if err := asForward(rec); err != nil {
		return err
	}
	view, err := content.Parse(rec.Data, rec.Owner)
	if err != nil {
		return err
	}
	s.base, s.view = rec, view
	if s.outlived() || s.idleTooLong() {
		s.base, s.view = driver.Record{}, content.Content{} // the next one may fail to load
		return ErrNotFound
	}
	s.created, s.accessed, s.isNew = rec.Created, rec.Accessed, false
	return nil
}

// Load opens the session of a token outside of a request, such as for a remote
// call or a job. Only Session.Save stores its changes. Load returns ErrNotFound
// if the token is invalid or its session has ended, and ErrRefused if Options.Guard
// refuses the session.
func (m *Manager) Load(ctx context.Context, token string) (*Session, error) {
	bounded := m.storeContext(ctx)
	defer bounded.Release()
	s := m.detached()
	var err error
	if m.sealer != nil {
		err = s.unseal(token)
	} else if i, oldSecret, ok := m.tokens.Decode(token); ok {
		err = s.fetch(bounded, identityOf(i), oldSecret)
	} else {
		err = ErrNotFound
	}
	if err == nil {
		err = s.admit(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("sessions: load: %w", err)
	}
	return s, nil
}

// Find opens the session with a public ID, as returned by Session.ID: to show
// it, to change it, or to sign out one device. It has no Token and cannot be
// renewed. Find returns ErrNotFound if there is no live session with this ID,
// and errors.ErrUnsupported for the cookie store.
//
// The ID is not a credential. If it comes from a client, check that the
// session's Owner is the user who makes the request.
func (m *Manager) Find(ctx context.Context, id string) (*Session, error) {
	if m.sealer != nil {
		return nil, unsupported("find")
	}
	key, err := driver.ParseKey(id)
	if err != nil {
		return nil, fmt.Errorf("sessions: find: %w", ErrNotFound)
	}
	bounded := m.storeContext(ctx)
	defer bounded.Release()
	s := m.detached()
	for range maxForwards {
		err = s.fetch(bounded, identity{key: key, known: true}, false)
		f, isForward := errors.AsType[forwarded](err)
		if !isForward {
			break
		}
		key = f.to
	}
	if err != nil {
		return nil, fmt.Errorf("sessions: find: %w", err)
	}
	return s, nil
}

// NewSession returns a new, empty session outside of a request, such as for a
// sign-in by a remote call, or for an end-to-end test. Session.Save stores it if
// it is not empty. Session.Token then returns the token for the client.
func (m *Manager) NewSession() *Session {
	s := m.detached()
	s.start()
	return s
}

// detached returns a session that belongs to no request.
func (m *Manager) detached() *Session {
	return &Session{m: m, phase: loaded, state: new(state)}
}
