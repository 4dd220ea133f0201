//go:build linux

package main

import "time"

// judge checks the session's contents in a response. s.mu is held.
func (c *request) judge(r *response) {
	l, s, t, rep := c.l, c.s, c.t, &r.reply
	// With a wrong clock, expired sessions can be live again until swept.
	clocksWrong := s.timeout > 0 && l.timeline.during(s.created, time.Now(), clockFault)
	switch {
	case rep.Blind:
		return
	case rep.Mark == "" && rep.shows():
		l.add(crossTalk, "session %s: an anonymous response shows data: %+v", s.mark, *rep)
		return
	case c.o.Life == create:
		if rep.Mark != "" {
			l.add(deadAnswered, "a client with no token or an ended one received session %s", rep.Mark)
		}
		return
	case rep.Mark == "":
		c.judgeGone("the response is anonymous")
		return
	case rep.Mark != s.mark:
		l.add(crossTalk, "session %s: the response is for session %s", s.mark, rep.Mark)
		return
	case c.o.Manner == panicking || c.o.Manner == saving:
		l.add(uncommitted, "session %s: a handler that panicked sent a response", s.mark)
	case clocksWrong && t.dead != 0:
		return
	case t.dead != 0 && t.dead < c.start, s.ended != 0 && s.ended < c.start:
		l.add(deadAnswered, "session %s: ID %.8s ended at %d by %q (the session at %d), but was accepted at %d%v", s.mark, t.id, t.dead, t.by, s.ended, c.start, &s.trail)
		return
	}
	if s.timeout > 0 && !s.timesUnsure && !clocksWrong && c.began.After(s.used.Add(s.timeout)) {
		l.add(lateAnswered, "session %s: not used for %v, its timeout is %v", s.mark, c.began.Sub(s.used), s.timeout)
	}
	switch {
	case rep.Owner != "" && (s.owner == nil || rep.Owner != s.owner.name):
		l.add(crossTalk, "session %s: the owner is %q", s.mark, rep.Owner)
	case rep.Owner != "" && s.owned == void:
		l.add(uncommitted, "session %s: the owner is %q, which was not committed", s.mark, rep.Owner)
	case rep.Owner == "" && s.owned == acked && s.ownedAt < c.start:
		l.add(lostWrite, "session %s: the owner is missing", s.mark)
	}
	for i, n := range rep.Counts {
		s.sawCount(i, n, c.least[i], c.own[i])
	}
	for i, seen := range rep.Cells {
		s.sawCell(i, seen, c.floor[i])
	}
	takes := false
	for _, ch := range c.o.Changes {
		takes = takes || ch.Kind == take && c.fresh == nil
	}
	s.sawNotes(rep.Notes, c.start, takes)
}

// shows reports whether the reply has any contents.
func (rep *reply) shows() bool {
	return rep.Owner != "" || rep.Counts != [counters]int{} || rep.Cells != [cells]sighting{} || len(rep.Notes) > 0
}

// judgeGone checks that a session that was not found may have ended. s.mu is held.
func (c *request) judgeGone(how string) {
	l, s, t := c.l, c.s, c.t
	if t == nil {
		return
	}
	own := 0
	if c.mayRenew() || c.o.Life == signOut {
		own = 1
	}
	var ends int64
	if c.ends() {
		ends = 1
	}
	switch {
	case t.dead != 0, s.ended != 0, t.ending > own, s.ending > 0, s.followed(ends):
		// It has or may have ended.
		if t.dead == 0 && s.ended == 0 && s.ending == 0 && t.ending-own == t.unsure {
			l.tally.stranded.Add(1)
		}
	case s.exposed && l.timeline.during(s.created, time.Now(), clockFault):
	case s.timeout > 0 && l.timeline.during(s.created, time.Now(), clockFault):
		s.timesUnsure = true
		return // it may be expired for one process and live for another
	case s.timeout > 0 && !time.Now().Before(s.created.Add(s.timeout)):
		l.tally.expired.Add(1)
	case t.evicted():
		l.tally.evictions.Add(1)
	case l.timeline.during(c.began, time.Now(), backendFault):
		l.add(whileDown, "session %s, ID %.8s: %s%v", s.mark, t.id, how, &s.trail)
	default:
		l.add(anonymous, "session %s of %v, ID %.8s: %s%v", s.mark, s.owner, t.id, how, &s.trail)
	}
	if c.mayRenew() && s.ending > 0 {
		return // the new record may have been deleted, and the old one may be next
	}
	t.die(c.end, how)
}

// judgeCookies checks the Set-Cookie fields of a response. s.mu is held.
func (c *request) judgeCookies(r *response) {
	l, s, rep := c.l, c.s, &r.reply
	var values []string
	for _, k := range r.cookies {
		values = append(values, k.Value)
	}
	wrong := func(want string) {
		l.add(wrongCookie, "session %s: %q %q got status %d with cookies %.12q, want %s", s.mark, c.o.Life, c.o.Manner, r.status, values, want)
	}
	switch {
	case r.outcome != committed:
		if len(r.cookies) > 0 {
			wrong("none")
		}
	case c.o.Life == probe:
		// judgeLate has checked it.
	case c.o.Life == create, rep.Began != "", rep.Mark != "" && c.renews():
		if len(r.cookies) != 1 || values[0] == "" || r.cookies[0].MaxAge < 0 {
			wrong("a new one")
		}
	case c.o.Life == signOut && (rep.Blind || rep.Mark != ""):
		if len(r.cookies) != 1 || values[0] != "" || r.cookies[0].MaxAge >= 0 {
			wrong("its deletion")
		}
	case rep.Mark == "":
		if len(r.cookies) > 0 {
			wrong("none")
		}
	default:
		for _, v := range values {
			if len(values) > 1 || v == "" || v != c.t.value && !c.rotates() {
				wrong("none, or the sent one")
			}
		}
	}
}
