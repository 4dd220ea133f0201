//go:build linux

package main

import (
	"net/http"
	"time"
)

// call is one request, from before it is sent until its answer is judged.
type call struct {
	l *ledger
	s *subject // whose token is sent; of a creation, the session to be
	t *token   // what is sent; nil: nothing
	o *order

	start, end tick
	began      time.Time

	least  [counters]int // acknowledged before it began
	floor  [cells]tick
	own    [counters]int // that it counts itself
	writes []*write      // one for each change, nil where it is none
	late   []*write
	fresh  *subject // the session that invalidate begins
	purge  *purge
}

// outcome is what an answer tells of a request.
type outcome byte

const (
	answered outcome = iota // all of it is committed
	nothing                 // none of it is, and none ever will be
	unknown                 // nobody can tell
	lost                    // nothing: the session ended meanwhile
)

// response is what came back, if anything did.
type response struct {
	outcome outcome
	status  int // 0: none
	reply   reply
	late    *lateReply
	cookies []*http.Cookie // the session's
}

// begin writes down what is going to be asked. own is the owner that a login or
// a log-out of others is about.
func (l *ledger) begin(s *subject, t *token, o *order, own *owner) *call {
	c := &call{l: l, s: s, t: t, o: o}
	switch o.Life {
	case login:
		if !own.join(s) {
			o.Life, o.Owner = renew, "" // another request signs in at this moment
		}
	case logoutOthers:
		c.purge = own.purge(s)
	case invalidate:
		c.fresh = l.newSubject(o.Mark)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.began = time.Now()
	c.start = l.tick()
	subject := s
	if o.Life == create {
		s.born, s.created = c.start, c.began
		s.timeout = time.Duration(o.Timeout) * time.Millisecond
	}
	if c.fresh != nil {
		subject = c.fresh
		subject.mu.Lock()
		defer subject.mu.Unlock()
		subject.born, subject.created = c.start, c.began
	}
	for i := range c.least {
		c.least[i] = s.counts[i].acked
	}
	for i := range c.floor {
		c.floor[i] = s.cells[i].floor
	}
	if o.Life == create || c.fresh != nil {
		for i := range subject.cells {
			subject.cells[i].settle(subject.cells[i].begin(0, 0), acked, c.start)
		}
	}
	c.writes = c.plan(subject, o.Changes)
	c.late = c.plan(subject, o.Late)
	switch o.Life {
	case renew, login, invalidate, logout:
		t.ending++
		if (s.others > 0 || time.Now().Before(s.late)) && o.Life != logout {
			s.ending++ // the new id may be among those that are ended
		}
	case logoutOthers:
		s.others++
		if t.ending > 0 {
			s.ending++ // as above
		}
	}
	return c
}

// plan notes the changes that are going to be asked for.
func (c *call) plan(s *subject, changes []change) []*write {
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

// finish judges the answer, and writes down what it acknowledged.
func (c *call) finish(r response) {
	l, s := c.l, c.s
	if c.purge != nil {
		defer func() { c.purge.settle(c.purged(r), l.tick()) }()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.end = l.tick()
	c.walk(&r)
	calm := !l.weather.disturbed(c.began)
	done := r.outcome == answered
	if done {
		c.judge(&r)
	}
	c.judgeCookies(&r)
	if r.outcome == lost {
		l.tally.endings.Add(1)
		if c.o.Save && c.renews() && !calm {
			// Its Save may have failed, with the old id gone all the same, so that
			// the commit came too late: its outcome was unknown to itself.
			c.t.unsure++
			c.t.ending++
		}
		c.judgeGone("an error page says that it ended")
	}

	// Of a session that is not there, nothing was changed.
	there := done && (r.reply.Mark != "" || c.o.Life == create || c.o.Life == logout && r.reply.Blind)
	st := unsure
	switch {
	case there:
		st = acked
	case done, r.outcome == nothing, r.outcome == lost && calm:
		st = void
	}
	subject := s
	if c.fresh != nil {
		subject = c.fresh
		subject.mu.Lock()
		defer subject.mu.Unlock()
	}
	c.settle(subject, c.o.Changes, c.writes, st, &r)
	lateState := st
	if st == acked && len(c.o.Late) > 0 {
		switch {
		case r.late != nil && r.late.Saved:
			c.settleTotals(subject, r.late.Totals, c.o.Changes, c.o.Late)
		case r.late != nil && r.late.Ended && calm:
			lateState = void
		default:
			lateState = unsure
		}
	}
	c.settle(subject, c.o.Late, c.late, lateState, &r)
	if done && there && r.reply.Saved {
		c.settleTotals(subject, r.reply.Totals, nil, c.o.Changes)
	}
	c.settleLife(st, calm, &r)
	if s.timeout > 0 {
		if !done {
			s.vague = true
		}
		s.used = time.Now()
	}
}

// walk adds the request to the session's trail.
func (c *call) walk(r *response) {
	st := step{
		start: c.start, end: c.end, began: c.began, took: time.Since(c.began), life: c.o.Life, manner: c.o.Manner,
		outcome: r.outcome, status: r.status, there: r.reply.Mark != "", changes: c.o.Changes,
	}
	if c.t != nil {
		st.id = c.t.id
	}
	c.s.trail.add(st)
}

// renews tells whether the request is to move the session to another id.
func (c *call) renews() bool {
	return c.o.Life == renew || c.o.Life == login || c.o.Life == invalidate
}

// settle notes what became of the changes.
func (c *call) settle(s *subject, changes []change, writes []*write, st state, r *response) {
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
			s.cells[ch.N].settle(writes[i], st, c.end)
		case pop:
			if popped := r.reply.Popped[ch.N]; st == acked && popped.Seq != 0 {
				s.sawPop(ch.N, popped, c.floor[ch.N])
				s.cells[ch.N].settle(writes[i], acked, c.end)
			} else if st == acked {
				s.cells[ch.N].settle(writes[i], void, c.end) // there was nothing to pop
			} else {
				s.cells[ch.N].settle(writes[i], st, c.end)
			}
		case note:
			m := s.notes.notes[ch.Seq]
			m.state, m.end, m.added = st, c.end, time.Now()
		case take:
			switch s.notes.taking--; st {
			case acked:
				s.took(r.reply.Taken, c.start, c.end)
			case unsure:
				s.notes.vague = time.Now().Add(settleTime)
			}
		}
	}
}

// settleTotals checks what the counters were told to be when the changes, which
// followed those of before, had been committed.
func (c *call) settleTotals(s *subject, totals [counters]int, before, changes []change) {
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

// counts is how often the changes count the counter up.
func counts(changes []change, i int) (n int) {
	for _, ch := range changes {
		if ch.Kind == count && ch.N == i {
			n++
		}
	}
	return n
}

// settleLife notes what became of the session as a whole.
func (c *call) settleLife(st state, calm bool, r *response) {
	l, s := c.l, c.s
	// Where Save failed, the commit tries again, under another id if the first
	// try has landed.
	again := st == acked && c.o.Save && !r.reply.Saved
	orphans := 1
	if st == unsure && c.o.Save {
		orphans = 2
	}
	switch c.o.Life {
	case create:
		if st == acked {
			l.tally.sessions.Add(1)
			s.current = c.taken(s, r)
		}
		if st == unsure || again {
			s.orphans += orphans
		}
	case renew, login, invalidate:
		if c.o.Life == login {
			s.owned, s.ownedAt = st, c.end
		}
		if st != unsure {
			c.t.ending--
		} else {
			c.t.unsure++
		}
		if st == unsure || st == void && !calm || again {
			s.orphans += orphans // the removal of the new record may have failed, too
			if c.fresh != nil {
				c.fresh.orphans += orphans
			}
		}
		if st != acked {
			return
		}
		l.tally.renewals.Add(1)
		c.t.die(c.end, string(c.o.Life))
		if c.fresh != nil {
			l.tally.sessions.Add(1)
			c.fresh.current = c.taken(c.fresh, r)
			if s.current == c.t { // else a renewal at the same time has kept it
				s.current = nil
			}
			return
		}
		if c.t.moved {
			l.add(deadAnswered, "session %s: id %.8s was renewed twice%v", s.mark, c.t.id, &s.trail)
		}
		c.t.moved = true
		s.current = c.taken(s, r)
	case logout: // of the id that was sent; if it is renewed meanwhile, the new one may live
		if st != unsure {
			c.t.ending--
		}
		if st == acked {
			l.tally.logouts.Add(1)
			c.t.die(c.end, string(c.o.Life))
		}
	case logoutOthers:
		s.others--
		if st == unsure {
			s.late = time.Now().Add(settleTime)
		}
	}
}

// taken is the token that the answer gave the session.
func (c *call) taken(s *subject, r *response) *token {
	if len(r.cookies) != 1 || r.cookies[0].Value == "" {
		return nil // judgeCookies has complained
	}
	t := c.l.give(s, r.cookies[0].Value, c.start)
	t.s = s
	return t
}

// purged is what became of the logging out of others.
func (c *call) purged(r response) state {
	switch {
	case r.outcome == answered && r.reply.Mark != "" && r.reply.Others == "":
		c.l.tally.logouts.Add(1)
		return acked
	case r.outcome == nothing, r.outcome == answered && r.reply.Mark == "":
		return void
	default:
		return unsure // an error page may come after it
	}
}
