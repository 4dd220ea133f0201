//go:build linux

package main

import (
	"net/http"
	"time"
)

// request is one request, from before it is sent until its response is judged.
type request struct {
	l *ledger
	s *session // whose token is sent, or that is created
	t *token   // the token sent; nil: none
	o *operation

	start, end tick
	began      time.Time

	least  [counters]int // increments acknowledged before it began
	floor  [cells]tick
	own    [counters]int // its own increments
	writes []*write      // one for each change; nil if the change is not of a cell
	late   []*write
	fresh  *session // the session that invalidate creates
	other  *session // the session that sign-in begins if it is late
	seen   []member // the owner's sessions before a listing
	purge  *purge
}

// outcome is what the response says about a request's changes.
type outcome byte

const (
	committed    outcome = iota // all are committed
	notDone                     // none is, and none will be
	unknown                     // it may or may not be committed
	sessionEnded                // none: the session had ended
)

// response is the response to a request, if there was one.
type response struct {
	outcome outcome
	status  int // 0: no response
	reply   reply
	late    *lateReply
	cookies []*http.Cookie // the session's
}

// begin records a request before it is sent. own is the owner for a sign-in or a
// sign-out of others.
func (l *ledger) begin(s *session, t *token, o *operation, own *owner) *request {
	c := &request{l: l, s: s, t: t, o: o}
	switch o.Life {
	case create:
		if o.By == signIn {
			own.join(s)
		}
	case signIn:
		if !own.join(s) {
			o.Life, o.Owner, o.Begin = renew, "", "" // another request is signing in
		}
		if o.Begin != "" {
			c.other = l.newSession(o.Begin)
			own.join(c.other)
		}
	case signOutOthers:
		c.purge = own.purge(s)
	case invalidate:
		c.fresh = l.newSession(o.Mark)
	}
	if o.Devices {
		c.seen = own.committed()
	}
	if o.By == invalidate {
		t.s.ends.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.began = time.Now()
	c.start = l.tick()
	session := s
	if c.other != nil {
		c.other.start(c.start, c.began)
	}
	if o.Life == create {
		s.born, s.created = c.start, c.began
		s.timeout = time.Duration(o.Timeout) * time.Millisecond
	}
	if c.fresh != nil {
		session = c.fresh
		session.mu.Lock()
		defer session.mu.Unlock()
		session.born, session.created, session.before = c.start, c.began, s
	}
	for i := range c.least {
		c.least[i] = s.counts[i].acked
	}
	for i := range c.floor {
		c.floor[i] = s.cells[i].floor
	}
	if o.Life == create || c.fresh != nil {
		session.empty(c.start)
	}
	c.writes = c.plan(session, o.Changes)
	c.late = c.plan(session, o.Late)
	switch o.Life {
	case stay:
		if c.rotates() {
			t.ending++
			t.forward = true
			s.exposed = s.exposed || s.others > 0 || time.Now().Before(s.late)
		}
	case renew, signIn, invalidate, signOut:
		t.ending++
		t.forward = t.forward || c.renews()
		if c.ends() {
			s.ends.Add(1)
		}
		if o.Life == invalidate {
			s.invalidates.Add(1)
		}
		s.exposed = s.exposed || s.others > 0 || time.Now().Before(s.late)
	case signOutOthers:
		s.others++
		s.exposed = s.exposed || t.ending > 0
	}
	return c
}

// start records the request that may begin the session.
func (s *session) start(now tick, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.born, s.created = now, at
	s.empty(now)
}

// empty records that the cells of a new session are empty.
func (s *session) empty(now tick) {
	for i := range s.cells {
		s.cells[i].finish(s.cells[i].begin(0, 0), acked, now)
	}
}

// plan records the changes before they are requested.
func (c *request) plan(s *session, changes []change) []*write {
	writes := make([]*write, len(changes))
	for i, ch := range changes {
		switch ch.Kind {
		case count:
			s.counts[ch.N].issued++
			if s == c.s {
				c.own[ch.N]++
			}
		case set, edit:
			writes[i] = s.cells[ch.N].begin(ch.Seq, c.start)
		case unset, pop:
			writes[i] = s.cells[ch.N].begin(0, c.start)
		case note:
			s.notes.begin(ch.Seq, c.start)
		case take:
			s.notes.taking++
		}
	}
	return writes
}

// finish judges the response and records what it acknowledged.
func (c *request) finish(r response) {
	l, s := c.l, c.s
	if c.purge != nil {
		defer func() { c.purge.finish(c.purged(r), l.tick()) }()
	}
	late := c.t != nil && c.t.forwards(c.start)
	if c.o.By == invalidate {
		defer func() { c.endRenewed(late, &r) }()
	}
	if c.o.Devices {
		defer func() { c.judgeDevices(&r) }()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.end = l.tick()
	c.judgeLate(late, &r)
	c.addToTrail(&r)
	faultFree := !l.timeline.faultSince(c.began)
	done := r.outcome == committed
	if done {
		c.judge(&r)
	}
	c.judgeCookies(&r)
	if r.outcome == sessionEnded {
		l.tally.endings.Add(1)
		if c.o.Save && c.mayRenew() && !faultFree {
			// Its Save may have failed although the old ID was removed, so that
			// the commit found no session. Its outcome is unknown.
			c.t.unsure++
			c.t.ending++
		}
		c.judgeGone("an error page reports that it ended")
	}

	// If there was no session, nothing was changed.
	there := done && (r.reply.Mark != "" || c.o.Life == create || c.o.Life == signOut && r.reply.Blind)
	st := unsure
	switch {
	case there:
		st = acked
	case done, r.outcome == notDone, r.outcome == sessionEnded && faultFree:
		st = void
	}
	session := s
	if c.fresh != nil {
		session = c.fresh
		session.mu.Lock()
		defer session.mu.Unlock()
	}
	c.recordChanges(session, c.o.Changes, c.writes, st, &r)
	lateState := st
	if st == acked && len(c.o.Late) > 0 {
		switch {
		case r.late != nil && r.late.Saved:
			c.checkTotals(session, r.late.Totals, c.o.Changes, c.o.Late)
		case r.late != nil && r.late.Ended && faultFree:
			lateState = void
		default:
			lateState = unsure
		}
	}
	c.recordChanges(session, c.o.Late, c.late, lateState, &r)
	if done && there && r.reply.Saved {
		c.checkTotals(session, r.reply.Totals, nil, c.o.Changes)
	}
	c.recordLife(st, faultFree, late, &r)
	c.recordOther(faultFree, &r)
	if s.timeout > 0 {
		if !done {
			s.timesUnsure = true
		}
		s.used = time.Now()
	}
}

// addToTrail adds the request to the session's trail.
func (c *request) addToTrail(r *response) {
	st := step{
		start: c.start, end: c.end, began: c.began, took: time.Since(c.began), life: c.o.Life, manner: c.o.Manner,
		outcome: r.outcome, status: r.status, there: r.reply.Mark != "", changes: c.o.Changes,
	}
	if c.t != nil {
		st.id = c.t.id
	}
	c.s.trail.add(st)
}

// renews reports whether the request changes the session's ID.
func (c *request) renews() bool {
	return c.o.Life == renew || c.o.Life == signIn || c.o.Life == invalidate
}

// rotates reports whether the manager may change the session's ID on its own.
func (c *request) rotates() bool {
	return c.o.Rotate && c.o.Life == stay && c.t != nil && c.o.Manner != panicking && c.o.Manner != saving
}

// mayRenew reports whether the request may change the session's ID.
func (c *request) mayRenew() bool { return c.renews() || c.rotates() }

// rotated reports whether the manager has changed the session's ID on its own.
func (c *request) rotated(r *response) bool {
	return c.rotates() && r.outcome == committed && r.reply.Mark != "" && len(r.cookies) == 1 && r.cookies[0].Value != c.t.value
}

// ends reports whether the request ends the session.
func (c *request) ends() bool { return c.o.Life == signOut || c.o.Life == invalidate }

// recordChanges records the outcome of changes.
func (c *request) recordChanges(s *session, changes []change, writes []*write, st state, r *response) {
	for i, ch := range changes {
		switch st {
		case acked:
			c.l.tally.writes.Add(1)
		case unsure:
			c.l.tally.unsure.Add(1)
		}
		switch ch.Kind {
		case count:
			switch n := &s.counts[ch.N]; st {
			case acked:
				n.acked++
			case void:
				n.void++
			}
		case set, edit, unset:
			s.cells[ch.N].finish(writes[i], st, c.end)
		case pop:
			if popped := r.reply.Popped[ch.N]; st == acked && popped.Seq != 0 {
				s.sawPop(ch.N, popped, c.floor[ch.N])
				s.cells[ch.N].finish(writes[i], acked, c.end)
			} else if st == acked {
				s.cells[ch.N].finish(writes[i], void, c.end) // no value to pop
			} else {
				s.cells[ch.N].finish(writes[i], st, c.end)
			}
		case note:
			m := s.notes.notes[ch.Seq]
			m.state, m.end, m.added = st, c.end, time.Now()
		case take:
			switch s.notes.taking--; st {
			case acked:
				s.took(r.reply.Taken, c.start, c.end)
			case unsure:
				s.notes.unsureBefore = time.Now().Add(lateEffect)
			}
		}
	}
}

// checkTotals checks the counters that were reported after changes, which
// followed those in before, had been committed.
func (c *request) checkTotals(s *session, totals [counters]int, before, changes []change) {
	for i, n := range totals {
		least := counts(before, i)
		if s == c.s {
			least += c.least[i]
		}
		if own := counts(changes, i); own > 0 {
			s.sawTotal(i, n, least, own)
		}
	}
}

// counts returns how often the changes increment counter i.
func counts(changes []change, i int) (n int) {
	for _, ch := range changes {
		if ch.Kind == count && ch.N == i {
			n++
		}
	}
	return n
}

// recordLife records the outcome for the whole session.
func (c *request) recordLife(st state, faultFree, late bool, r *response) {
	l, s := c.l, c.s
	// If Save failed, the commit retries, under another ID if the first attempt
	// was stored.
	again := st == acked && c.o.Save && !r.reply.Saved
	orphans := 1
	if st == unsure && c.o.Save {
		orphans = 2
	}
	if c.ends() && st == void {
		s.ends.Add(-1)
	}
	switch c.o.Life {
	case create:
		if st == acked {
			l.tally.sessions.Add(1)
			s.current = c.taken(s, r)
		}
		if c.o.By == signIn {
			s.joined(st, c.end)
		}
		if st == unsure || again {
			s.orphans += orphans
		}
	case stay:
		if !c.rotates() {
			return
		}
		rotated := c.rotated(r)
		if st == unsure {
			c.t.unsure++
		} else {
			c.t.ending--
		}
		if st == unsure || !faultFree && !rotated || again {
			s.orphans += orphans
		}
		if rotated {
			l.tally.rotations.Add(1)
			c.recordRenewal(r)
		}
	case renew, signIn, invalidate:
		if c.o.Life == signIn {
			s.joined(st, c.end)
		}
		if st != unsure {
			c.t.ending--
		} else {
			c.t.unsure++
		}
		if st == unsure || st == void && !faultFree || again {
			s.orphans += orphans // deleting the new record may have failed too
			if c.fresh != nil {
				c.fresh.orphans += orphans
			}
		}
		if st != acked {
			return
		}
		l.tally.renewals.Add(1)
		if c.fresh != nil {
			if c.t.dead == 0 && c.t.ending == 0 && s.ended == 0 && s.ending == 0 && !s.followed(1) {
				c.t.forwarded(c.began) // else a sign-out may have come first: then there is no record to replace
			}
			c.t.die(c.end, string(c.o.Life))
			if c.follows(late) {
				s.end(c.end, c.o.Life)
			}
			l.tally.sessions.Add(1)
			c.fresh.current = c.taken(c.fresh, r)
			if s.current == c.t { // else a concurrent renewal kept it
				s.current = nil
			}
			return
		}
		c.recordRenewal(r)
	case signOut:
		if st != unsure {
			c.t.ending--
		}
		if st == acked {
			l.tally.signOuts.Add(1)
			c.t.die(c.end, string(c.o.Life))
			if c.follows(late) {
				s.end(c.end, c.o.Life)
			}
			if late {
				l.tally.oldSignOuts.Add(1)
			}
		}
	case signOutOthers:
		s.others--
		if st == unsure {
			s.late = time.Now().Add(lateEffect)
		}
	}
}

// recordRenewal records an acknowledged renewal. s.mu is held.
func (c *request) recordRenewal(r *response) {
	c.t.die(c.end, string(c.o.Life))
	if c.t.moved {
		c.l.add(deadAnswered, "session %s: ID %.8s was renewed twice%v", c.s.mark, c.t.id, &c.s.trail)
	}
	c.t.moved = true
	c.t.forwarded(c.began)
	c.s.current = c.taken(c.s, r)
}

// taken returns the token in the response's cookie.
func (c *request) taken(s *session, r *response) *token {
	if len(r.cookies) != 1 || r.cookies[0].Value == "" {
		return nil // reported by judgeCookies
	}
	t := c.l.give(s, r.cookies[0].Value, c.start)
	t.s = s
	return t
}

// purged returns the outcome of a sign-out of others.
func (c *request) purged(r response) state {
	switch {
	case r.outcome == committed && r.reply.Mark != "" && r.reply.Others == "":
		c.l.tally.signOuts.Add(1)
		c.l.tally.ownerSignOuts.Add(1)
		return acked
	case r.outcome == notDone, r.outcome == committed && r.reply.Mark == "":
		return void
	default:
		return unsure // it may have succeeded before the error page
	}
}
