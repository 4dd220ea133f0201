package sessions

import (
	"context"
	"errors"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
	"github.com/pump-go/sessions/internal/token"
)

// This file has the state of a Session, and the functions that its methods share.

// state is what a session has once it is used. Requests that do not use their
// session, often most of them, do not pay for it.
type state struct {
	loading storeContext // for loading; a field to save an allocation

	sealed string // the client's token, if it contains the session

	// What is stored.
	base      driver.Record // Version 0: nothing is stored
	accessed  driver.Millis // the access before this one
	id        identity
	oldSecret bool // the client's token is signed with a previous secret
	isNew     bool

	// What the request has changed.
	idChange     idChange     // Renew or Invalidate, until the commit
	next         identity     // of a session that is new or changes its ID
	recorded     bool         // the response's commit has recorded this access
	cookieAction cookieAction // of the response
	lateness     lateness     // see forward.go
	deciding     bool         // the guard is asked, and may edit its note
	newID        bool         // stored under an ID that the client does not have yet
	quiet        bool         // this access does not count: see Held.Quiet
	refusal      error        // why the guard has refused the session that the client presents
	view         content.Content
	changes      content.Changes
	// fault is the load error, or else the first error of a change. The commit
	// returns it.
	fault          error
	created        driver.Millis
	nowCached      driver.Millis  // see clock
	errObserved    bool           // the program has called Err and got the load error
	pendingDeletes *pendingDelete // destroyed, and not yet confirmed by the store
	lines          [3]string      // of the response's header, see headers.go
}

// pendingDelete is a linked list of keys. It is rarely needed, so the state holds
// only a pointer.
type pendingDelete struct {
	key     driver.Key
	version driver.Version // 0: unknown
	next    *pendingDelete
}

// deleteLater adds the session at key to those that flushDeletes removes.
func (s *Session) deleteLater(key driver.Key, version driver.Version) {
	end := &s.pendingDeletes
	for *end != nil {
		end = &(*end).next
	}
	*end = &pendingDelete{key: key, version: version}
}

// phase is the state of loading.
type phase byte

const (
	untouched phase = iota
	loaded
	failed
)

// idChange is a change of the ID that the next commit makes.
type idChange byte

const (
	keepID idChange = iota
	renew
	invalidate
)

// cookieAction is what the response does with the client's cookie, or its token
// header.
type cookieAction byte

const (
	noCookie cookieAction = iota
	setCookie
	deleteCookie
)

// identity is a session's ID and key. A session from a listing has no ID: the
// store knows only the key.
type identity struct {
	id    token.ID
	key   driver.Key
	known bool // key is set
	held  bool // id is set
	// unsure: a record may be stored under key, by a write of unknown outcome.
	unsure bool
	// forwarded: a forward to key may be stored, by a write of unknown outcome.
	forwarded bool
	// stored is the version of the record under the next ID, if it is stored, or, if
	// unsure, if it is.
	stored driver.Version
}

func newIdentity() identity { return identityOf(token.NewID()) }

func identityOf(id token.ID) identity {
	return identity{id: id, key: id.Key(), known: true, held: true}
}

// context returns the context of the request, which bounds loading.
func (s *Session) context() context.Context {
	if s.request == nil {
		return context.Background()
	}
	return s.request.Context()
}

// lock locks the session. Every exported method begins with lock or touch.
func (s *Session) lock() {
	if s == nil {
		panic("sessions: no session in this context: is the handler inside Manager.Wrap?")
	}
	s.mu.Lock()
}

// touch locks the session, and loads it on the first call.
func (s *Session) touch() {
	s.lock()
	if !s.active.Load() {
		s.active.Store(true)
	}
	if s.phase == untouched {
		defer s.unlockUnlessLoaded()
		s.state = new(state)
		s.load()
	}
}

// unlockUnlessLoaded handles a store or a guard that panics: the session has failed to load,
// so it is not taken for a new one, and no goroutine waits for its lock.
func (s *Session) unlockUnlessLoaded() {
	if s.phase == untouched {
		s.phase, s.fault = failed, errLoadPanicked
		s.mu.Unlock()
	}
}

var errLoadPanicked = errors.New("sessions: load: the store or the guard panicked")

// current returns the identity that the session has, or will have after the
// commit.
func (s *Session) current() *identity {
	if s.idChange == keepID && s.id.known {
		return &s.id
	}
	if !s.next.known {
		s.next = newIdentity()
	}
	return &s.next
}

// do applies a change and keeps it for the commit.
func (s *Session) do(ch content.Change) {
	if s.phase == failed {
		return
	}
	s.noteChange()
	if err := ch.Apply(&s.view); err != nil {
		s.fail(err)
		return
	}
	if s.base.Version != 0 { // a new session has nothing to merge with
		s.changes = s.changes.Append(ch)
	}
}

// loadError returns the load error, or the guard's refusal, or nil.
func (s *Session) loadError() error {
	switch {
	case s.phase == failed:
		return s.fault
	case s.lateness == refused:
		return s.refusal
	}
	return nil
}

// fail keeps the first error for the commit.
func (s *Session) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}

// start makes the session a new, empty one.
func (s *Session) start() {
	s.id, s.next, s.idChange = identity{}, identity{}, keepID
	s.base, s.view, s.changes, s.fault = driver.Record{}, content.Content{}, nil, nil
	s.created, s.isNew, s.oldSecret, s.sealed = s.m.now(), true, false, ""
	s.lateness, s.refusal = onTime, nil
}
