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

// deadline is when the session is over if it is not used after accessed.
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

// outlived reports whether the session is past a lifetime that was shortened after
// its record was written. So is one from a future further off than the lifetime: a
// clock that ran ahead when it began does not make it last longer than twice.
func (s *Session) outlived() bool {
	life := driver.Millis(s.lifetime().Milliseconds())
	if life == 0 {
		return false
	}
	age := s.clock() - s.base.Created
	return age >= life || age < -max(life, skew)
}

// idleTooLong tells that the session is past a IdleTimeout that was shortened after
// its record was written. Accesses since the one that is recorded, which the
// timeout of then left out, are in its favour.
func (s *Session) idleTooLong() bool {
	const day = driver.Millis(24 * time.Hour / time.Millisecond)
	idle, then := driver.Millis(s.timeout().Milliseconds()), s.base.Expires-s.base.Accessed
	return idle > 0 && s.clock()-s.base.Accessed >= idle+min(then/s.refreshShare(), day)
}

// refreshShare is the share of the timeout that may go unrecorded.
func (s *Session) refreshShare() driver.Millis {
	if s.m.sealer != nil {
		return 10 // each refresh sends the whole session
	}
	return 100
}

// clock is the time, read once for a load and for each attempt to commit: to read it takes
// longer than anything that is done with it.
func (s *Session) clock() driver.Millis {
	if s.nowCached == 0 {
		s.nowCached = s.m.now()
	}
	return s.nowCached
}

// refreshEvery is how long an access may go unrecorded, so that reading does
// not mean writing.
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

// refreshDue tells whether this access is to be recorded: some time has passed,
// the clock was set back by more than clocks differ, or the stored expiry is not
// what the settings say.
func (s *Session) refreshDue() bool {
	since, every := s.clock()-s.base.Accessed, s.refreshEvery()
	return since >= every || since <= -every-skew || s.base.Expires != s.deadline(s.base.Accessed)
}

// renewDue reports whether Options.RenewAfter has passed: whether a multiple of it,
// counted from the session's creation, lies between the recorded access and now. A
// renewal records the access. The client must be able to learn of the new id.
func (s *Session) renewDue() bool {
	every := driver.Millis(s.m.opts.RenewAfter.Milliseconds())
	if every == 0 || s.base.Version == 0 || s.idChange != keepID || s.headerSent || s.rawTokens == "" || !s.id.held {
		return false
	}
	return (s.base.Accessed-s.created)/every != (s.clock()-s.created)/every
}

// times fills in when the record was accessed and expires. Within the throttle
// they stay as they are stored, so that a store's indexes are left alone.
func (s *Session) times(rec *driver.Record) {
	rec.Created = s.created
	if s.base.Version != 0 && s.idChange == keepID && !s.refreshDue() {
		rec.Accessed, rec.Expires = s.base.Accessed, s.base.Expires
		return
	}
	rec.Accessed, rec.Expires = s.clock(), s.deadline(s.clock())
}

// reissueDue tells whether a cookie that rolls has gone far enough since it was
// issued: whether the time between two records of access passed a multiple of
// the interval, counted from the session's creation.
func (s *Session) reissueDue(before, after driver.Millis) bool {
	every := driver.Millis(s.expires().ReissueEvery().Milliseconds())
	return every > 0 && (before-s.created)/every != (after-s.created)/every
}

// refresh records this access. It moves the times alone, and only where nobody
// changed the session meanwhile. Its failure is no reason to withhold the
// answer: the log tells.
//
// A session that came under a previous secret is refreshed in any case: only
// one that is alive is given a cookie under the present one, lest it take the
// place of a newer session's.
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
