package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// When a session gets a new ID, a forward replaces the record under the old ID: a
// record that holds only the key of the new one, and expires after forwardLife.
// A late request, which the client sent before it had the new ID, finds the
// forward. Without it, the request would start a new session, whose cookie would
// replace the cookie of the sign-in. Only operations that end sessions follow a
// forward. Reads do not, because an attacker may know the old ID.

// forwardLife is how long a forward is kept: one minute for late requests, and
// one for differences between clocks.
const forwardLife = driver.Millis(2 * time.Minute / time.Millisecond)

// forwarded is the error of reading a forward as a session.
type forwarded struct{ to driver.Key }

func (forwarded) Error() string { return "session was renewed and has another ID" }

// Is makes it match ErrNotFound, since there is no session under this key, and
// ErrEnded, since there was one.
func (forwarded) Is(target error) bool { return target == ErrNotFound || target == ErrEnded }

// ended converts ErrNotFound, for a session that was loaded before, to ErrEnded.
// It returns other errors, including forwarded, as they are.
func ended(err error) error {
	if _, ok := errors.AsType[forwarded](err); !ok && errors.Is(err, ErrNotFound) {
		return ErrEnded
	}
	return err
}

// read loads the record at key. If it is a forward, the error is a forwarded.
func (m *Manager) read(ctx context.Context, key driver.Key) (driver.Record, error) {
	rec, err := m.store.Load(ctx, key)
	if err != nil {
		return rec, err
	}
	return rec, asForward(rec)
}

// asForward returns a forwarded if the record is a forward, or nil.
func asForward(rec driver.Record) error {
	if to, ok := content.ParseForward(rec.Data); ok {
		return forwarded{to}
	}
	return nil
}

// newForward returns the forward to key that replaces the record old.
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

// maxForwards ends the search if a damaged store has a cycle of forwards. It is
// more than a client can create within forwardLife.
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
		// Wait for a turn, so that requests that change the session cannot delay this forever.
		if err := entry.Retry(ctx); err != nil {
			return key, false, err
		}
		rec, _ := entry.Handoff(version)
		version = rec.Version
	}
	return key, false, fmt.Errorf("more than %d forwards in a row", maxForwards)
}

// lateness is whether the request is late, that is, whether its token led to a
// forward, and what it has done since. The session of a late request is empty.
type lateness byte

const (
	onTime lateness = iota
	// late: the request has changed nothing. It gets no cookie.
	late
	// lateChange: the commit fails with ErrEnded.
	lateChange
	// lateSignIn: the commit stores a new session. The renewed one stays.
	lateSignIn
	// lateInvalidate: the commit ends the renewed session. Values that were set
	// since are stored as a new one.
	lateInvalidate
	// refused: the session is live, but the guard has refused it. Each commit fails,
	// unless the program signs somebody in or ends the session, as it can when it is
	// late.
	refused
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
	switch s.lateness {
	case late, lateChange, refused:
		s.lateness = lateSignIn
	}
}

// commitLate is the first step of a commit if the request is late. done reports
// whether nothing else has to be committed.
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
		s.lateness, s.refusal = onTime, nil
		return false, nil
	}
	return true, s.refusal
}
