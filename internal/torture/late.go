//go:build linux

package main

import (
	"math/rand/v2"
	"time"
)

// A late request carries the ID of a session that has been renewed since, so that
// it meets a forward.

// late sends a request with the ID of a session that was renewed, or reports that
// there is none.
func (ld *load) late(rng *rand.Rand) bool {
	t := ld.l.renewedToken(mostlyRecent(rng))
	if t == nil {
		return false
	}
	o := &operation{Life: create, Save: rng.IntN(4) == 0, Rotate: rng.IntN(4) == 0}
	var own *owner
	switch n := rng.IntN(20); {
	case n < 9:
		o.Life, o.Touch, o.Save = probe, touches[rng.IntN(len(touches))], false
	case n < 13:
		o.Changes = withoutPops(ld.change(o, rng, 1+rng.IntN(2)).Changes)
	case n < 15 && ld.lists:
		own = ld.owners[rng.IntN(len(ld.owners))]
		o.By, o.Owner = signIn, own.name
	case n < 17:
		o.By = renew
	case n < 18:
		o.By = invalidate
	default:
		o.Life, o.Save, o.Blind = signOut, false, true
	}
	s := t.s
	if o.Life == create {
		o.Mark = ld.mark()
		s = ld.l.newSession(o.Mark)
	}
	ld.cs.do(s, t, o, own, ld.hangUp(rng))
	return true
}

// judgeLate checks the response to a late request. sure reports whether its ID
// certainly leads to a forward. s.mu is held.
func (c *request) judgeLate(sure bool, r *response) {
	l, o := c.l, c.o
	if o.Life == probe && r.outcome == committed && len(r.cookies) > 0 && (sure || o.Touch.reads()) {
		l.add(lateChanged, "session %s: a late %q got cookies %v", c.s.mark, o.Touch, r.cookies)
	}
	if !sure {
		if o.Life == probe && !o.Touch.reads() && r.outcome != notDone {
			l.unmarked.Add(1) // its setting may begin a session
		}
		return
	}
	l.tally.late.Add(1)
	what := func() []any {
		if old := c.t.s; old != c.s {
			old.mu.Lock()
			defer old.mu.Unlock()
		}
		return []any{c.t.s.mark, c.t.id, c.t.dead, c.t.by, string(o.Life) + " " + string(o.By) + string(o.Touch), o.Changes, c.start, r.status, r.cookies, c.t.s.trail.String()}
	}
	const format = "session %s, ID %.8s ended at %d by %q: late %q %v at %d got status %d and cookies %v%s"
	switch {
	case o.Life == create && o.By == stay, o.Life == probe && !o.Touch.reads():
		if r.outcome == committed {
			l.add(lateChanged, format, what()...)
		}
	case r.outcome == sessionEnded && !c.beginsInPurge():
		l.add(lateRefused, format, what()...)
	}
}

// beginsInPurge reports whether the request begins a session that a sign-out of the
// owner's sessions may end at once. s.mu is held.
func (c *request) beginsInPurge() bool {
	if c.other == nil {
		return c.s.ending > 0
	}
	c.other.mu.Lock()
	defer c.other.mu.Unlock()
	return c.other.ending > 0
}

// follows reports whether an acknowledged sign-out or invalidate surely ended the
// session under each of its IDs, as it follows the forwards. late reports whether
// the ID surely led to one from the start. s.mu is held.
func (c *request) follows(late bool) bool {
	if c.t.dead != 0 && c.t.dead < c.start {
		return late
	}
	return !c.t.lost() && !c.l.timeline.during(c.began, time.Now(), clockFault)
}

// endRenewed records the outcome of a late invalidate for the session that was
// renewed.
func (c *request) endRenewed(late bool, r *response) {
	s := c.t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.outcome == notDone:
		s.ends.Add(-1)
	case r.outcome == committed && late:
		s.end(c.end, invalidate)
	}
}

// recordOther records the outcome for the session that a late sign-in begins. s.mu is
// held.
func (c *request) recordOther(faultFree bool, r *response) {
	s := c.other
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := unsure
	switch {
	case r.outcome == committed && r.reply.Began != "":
		st = acked
		c.l.tally.sessions.Add(1)
		s.current = c.taken(s, r)
	case r.outcome == committed, r.outcome == notDone, r.outcome == sessionEnded && faultFree:
		st = void
	}
	if st != void && !faultFree || st == unsure {
		s.orphans += 2 // Save may have left one, and the commit after it
	}
	s.joined(st, c.end)
}
