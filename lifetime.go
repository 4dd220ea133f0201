package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/token"
)

// timeout is the session's idle timeout; 0 is none.
func (s *Session) timeout() time.Duration {
	if s.view.IdleTimeout != nil {
		return *s.view.IdleTimeout
	}
	return s.m.opts.IdleTimeout
}

// lifetime is how long the session lasts from its creation on; 0 is no limit.
func (s *Session) lifetime() time.Duration {
	if s.view.Lifetime != nil {
		return *s.view.Lifetime
	}
	return s.m.opts.Lifetime
}

// expires is the session's cookie expiry.
func (s *Session) expires() token.Expiry {
	if s.view.Expires != nil {
		return *s.view.Expires
	}
	return s.m.cookie.Expiry
}

// deadline is when the session ends if it is not used after accessed.
func (s *Session) deadline(accessed driver.Millis) driver.Millis {
	idle := s.timeout()
	if idle == 0 {
		idle = token.BrowserLimit
	}
	end := accessed + driver.Millis(idle.Milliseconds())
	if life := s.lifetime(); life > 0 {
		end = min(end, s.created+driver.Millis(life.Milliseconds()))
	}
	return end
}

// skew is how far the clocks of several machines may be apart.
const skew = driver.Millis(time.Minute / time.Millisecond)

// outlived reports whether the session is past a lifetime that was shortened
// after its record was written. A session created in the future, by more than
// its lifetime, is past it too: a clock that was ahead makes a session last
// twice its lifetime at most.
func (s *Session) outlived() bool {
	life := driver.Millis(s.lifetime().Milliseconds())
	if life == 0 {
		return false
	}
	age := s.clock() - s.base.Created
	return age >= life || age < -max(life, skew)
}

// idleTooLong reports whether the session is past an IdleTimeout that was
// shortened after its record was written. It allows for accesses that were not
// recorded under the earlier timeout.
func (s *Session) idleTooLong() bool {
	const day = driver.Millis(24 * time.Hour / time.Millisecond)
	idle, then := driver.Millis(s.timeout().Milliseconds()), s.base.Expires-s.base.Accessed
	return idle > 0 && s.clock()-s.base.Accessed >= idle+min(then/s.refreshShare(), day)
}

// refreshShare is the divisor of the timeout that gives refreshEvery.
func (s *Session) refreshShare() driver.Millis {
	if s.m.sealer != nil {
		return 10 // each refresh sends the whole session
	}
	return 100
}

// clock returns the time. It is read once per load and per attempt to commit,
// because reading it is slow compared to its use.
func (s *Session) clock() driver.Millis {
	if s.nowCached == 0 {
		s.nowCached = s.m.now()
	}
	return s.nowCached
}

// refreshEvery is how long accesses may go unrecorded, so that not every read
// is also a write.
func (s *Session) refreshEvery() driver.Millis {
	const day = 24 * time.Hour
	every := day
	if idle := s.timeout(); idle > 0 {
		every = min(every, idle/time.Duration(s.refreshShare()))
	}
	if reissue := s.expires().ReissueEvery(); reissue > 0 {
		every = min(every, reissue)
	}
	return driver.Millis(max(every, time.Millisecond).Milliseconds())
}

// refreshDue reports whether this access must be recorded: enough time has
// passed, the clock was set back by more than clocks differ, or the stored
// expiry does not match the settings.
func (s *Session) refreshDue() bool {
	since, every := s.clock()-s.base.Accessed, s.refreshEvery()
	return since >= every || since <= -every-skew || s.base.Expires != s.deadline(s.base.Accessed)
}

// renewDue reports whether Options.RenewAfter has passed: whether a multiple of it,
// counted from the session's creation, lies between the recorded access and now. A
// renewal records the access. The client must be able to get the new ID.
func (s *Session) renewDue() bool {
	every := driver.Millis(s.m.opts.RenewAfter.Milliseconds())
	if every == 0 || s.base.Version == 0 || s.idChange != keepID || s.headerSent || s.rawTokens == "" || !s.id.held || s.quiet {
		return false
	}
	return (s.base.Accessed-s.created)/every != (s.clock()-s.created)/every
}

// times sets the record's access time and expiry. If this access need not be
// recorded, they stay as stored, so that the store's indexes do not change.
func (s *Session) times(rec *driver.Record) {
	rec.Created = s.created
	if s.quiet && s.base.Version != 0 && s.idChange != invalidate {
		rec.Accessed, rec.Expires = s.base.Accessed, min(s.base.Expires, s.deadline(s.base.Accessed))
		return
	}
	if s.base.Version != 0 && s.idChange == keepID && !s.refreshDue() {
		rec.Accessed, rec.Expires = s.base.Accessed, s.base.Expires
		return
	}
	rec.Accessed, rec.Expires = s.clock(), s.deadline(s.clock())
}

// reissueDue reports whether a rolling cookie must be sent again: whether a
// multiple of the interval, counted from the session's creation, lies between
// the two recorded accesses.
func (s *Session) reissueDue(before, after driver.Millis) bool {
	every := driver.Millis(s.expires().ReissueEvery().Milliseconds())
	return every > 0 && (before-s.created)/every != (after-s.created)/every
}

// refresh records this access. It changes only the times, and only if no other
// request has changed the session meanwhile. Errors are logged and do not fail
// the response.
//
// A session whose token was signed with a previous secret is always refreshed:
// only a live session may get a cookie under the present secret, so that it
// does not overwrite a newer session's cookie.
func (s *Session) refresh(ctx context.Context) error {
	rec := s.base
	s.times(&rec)
	switch err := s.m.store.Touch(ctx, s.id.key, rec); {
	case err == nil:
		if s.oldSecret || s.reissueDue(s.base.Accessed, rec.Accessed) {
			s.cookieAction, s.oldSecret = setCookie, false
		}
		s.base.Accessed, s.base.Expires, s.base.Hint = rec.Accessed, rec.Expires, nil
	case !errors.Is(err, ErrConflict):
		s.m.log.Warn("sessions: recording the access failed", "session", s.publicID(), "error", err)
	}
	return nil
}
