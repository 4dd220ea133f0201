package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// A session that gets a new id leaves a forward under the old one: a record that
// holds the new record's key, for forwardLife. A request that is late, because
// the id was changed while it was on its way, finds the forward and so does not
// begin a new session, whose cookie would replace that of the sign-in. Only what
// ends sessions follows a forward. A late reader does not: the old id may be known
// to an attacker, who planted it before the sign-in.

// forwardLife is how long a forward is kept: one minute for requests on their
// way, and one for clocks that differ.
const forwardLife = driver.Millis(2 * time.Minute / time.Millisecond)

// forwarded is the error of reading a forward as a session.
type forwarded struct{ to driver.Key }

func (forwarded) Error() string { return "session renewed under another id" }

// Is makes it ErrNotFound, as there is no session, and ErrEnded, as there was one.
func (forwarded) Is(target error) bool { return target == ErrNotFound || target == ErrEnded }

// ended returns ErrEnded for a session that is not found any more. A forward says
// itself where it leads.
func ended(err error) error {
	if _, ok := errors.AsType[forwarded](err); !ok && errors.Is(err, ErrNotFound) {
		return ErrEnded
	}
	return err
}

// read loads the record at key. A forward is an error that is forwarded.
func (m *Manager) read(ctx context.Context, key driver.Key) (driver.Record, error) {
	rec, err := m.store.Load(ctx, key)
	if err != nil {
		return rec, err
	}
	return rec, asForward(rec)
}

// asForward returns forwarded if the record is a forward.
func asForward(rec driver.Record) error {
	if to, ok := content.ParseForward(rec.Data); ok {
		return forwarded{to}
	}
	return nil
}

// newForward returns the forward to the record at key that replaces old.
func newForward(old driver.Record, key driver.Key, now driver.Millis) driver.Record {
	return driver.Record{
		Data:     content.EncodeForward(key),
		Owner:    old.Owner,
		Version:  newVersion(),
		Created:  old.Created,
		Accessed: now,
		Expires:  now + forwardLife,
		Hint:     old.Hint,
	}
}

// maxForwards bounds following when a damaged or hostile store has a circle of
// forwards. It is more than a client can make within forwardLife.
const maxForwards = 1 << 20

// remove removes the session at key or, if it was renewed, the one that its
// forwards lead to. It tries the given version first; 0 means unknown. Forwards
// stay. It returns the key that it removed, and false if there is no session.
func (m *Manager) remove(ctx context.Context, key driver.Key, version driver.Version) (driver.Key, bool, error) {
	entry := m.queues.Entry(key)
	defer func() { entry.Leave() }()
	for range maxForwards {
		if version == 0 {
			rec, err := m.read(ctx, key)
			f, isForward := errors.AsType[forwarded](err)
			switch {
			case isForward:
				key = f.to
				entry.Leave()
				entry = m.queues.Entry(key)
				continue
			case errors.Is(err, ErrNotFound):
				return key, false, nil
			case errors.Is(err, ErrCorrupt), errors.Is(err, ErrNewerFormat):
				err := m.store.Delete(ctx, key, 0) // its version is unknown
				return key, err == nil, err
			case err != nil:
				return key, false, err
			}
			version = rec.Version
		}
		err := m.store.Delete(ctx, key, version)
		if !errors.Is(err, ErrConflict) {
			return key, err == nil, err
		}
		// Requests that change the session must not hold up its end: take turns.
		if err := entry.Retry(ctx); err != nil {
			return key, false, err
		}
		rec, _ := entry.Handoff(version)
		version = rec.Version
	}
	return key, false, fmt.Errorf("more than %d forwards in a row", maxForwards)
}

// lateness is what a session is that was found to be a forward: the request is
// late. Its session is empty.
type lateness byte

const (
	onTime lateness = iota
	// late: nothing was changed. The request may read, and gets no cookie.
	late
	// lateChange: the commit fails with ErrEnded.
	lateChange
	// lateSignIn: the commit stores a new session. The renewed one stays.
	lateSignIn
	// lateInvalidate: the commit ends the renewed session. What was set since is a
	// new one.
	lateInvalidate
)

// noteChange is called for each change that the program asks for, even one that
// has no effect.
func (s *Session) noteChange() {
	if s.lateness == late {
		s.lateness = lateChange
	}
}

// noteSignIn is called when the program signs somebody in.
func (s *Session) noteSignIn() {
	if s.lateness == late || s.lateness == lateChange {
		s.lateness = lateSignIn
	}
}

// commitLate does what the commit of a late request has to do first. done reports
// whether that is all.
func (s *Session) commitLate(ctx context.Context, on trigger, write bool) (done bool, err error) {
	switch {
	case s.lateness == onTime, s.lateness == lateSignIn && write:
		return false, nil
	case s.lateness == lateChange && write:
		return true, fmt.Errorf("sessions: save: %w", ErrEnded)
	case s.lateness == lateInvalidate && write:
		for v := range s.verifiedTokens() {
			s.deleteLater(v.key, 0)
		}
		if err := s.flushDeletes(on.context(ctx)); err != nil {
			return true, err
		}
		s.lateness = onTime
		return false, nil
	}
	return true, nil
}
