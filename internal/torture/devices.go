//go:build linux

package main

// member is a session of an owner, with its token.
type member struct {
	s *session
	t *token
}

// committed returns the owner's sessions that are committed and live.
func (o *owner) committed() (all []member) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.members {
		s.mu.Lock()
		if t := s.current; s.owned == acked && s.ended == 0 && t != nil && t.dead == 0 {
			all = append(all, member{s, t})
		}
		s.mu.Unlock()
	}
	return all
}

// judgeDevices checks a listing of the owner's sessions.
func (c *request) judgeDevices(r *response) {
	l, rep := c.l, &r.reply
	switch {
	case r.outcome != committed, rep.Mark == "", rep.Owner == "":
		return
	case rep.Others != "":
		if !l.timeline.faultSince(c.began) {
			l.add(unexplained, "listing the sessions of %s: %s", rep.Owner, rep.Others)
		}
		return
	}
	l.tally.listings.Add(1)
	there := make(map[string]bool)
	for _, e := range rep.Devices {
		there[e.ID] = true
		if e.Owner != rep.Owner {
			l.add(crossTalk, "session %s of %q is listed for %q", e.Mark, e.Owner, rep.Owner)
		}
		l.mu.Lock()
		t := l.ids[e.ID]
		l.mu.Unlock()
		if t == nil {
			continue // its cookie is on its way
		}
		t.s.mu.Lock()
		if e.Mark != t.s.mark {
			l.add(crossTalk, "session %s, ID %.8s: listed as %q", t.s.mark, t.id, e.Mark)
		}
		if t.dead != 0 && t.dead < c.start || t.s.ended != 0 && t.s.ended < c.start {
			breach := deadRecord
			if t.forward {
				breach = forwardShown
			}
			l.add(breach, "session %s, ID %.8s, which ended at %d, is listed at %d for its owner%v", t.s.mark, t.id, t.dead, c.start, &t.s.trail)
		}
		t.s.mu.Unlock()
	}
	for _, m := range c.seen {
		s, t := m.s, m.t
		s.mu.Lock()
		if s.current == t && !t.forward && t.dead == 0 && t.ending == 0 && s.ended == 0 && s.ending == 0 && !s.followed(0) && !t.evicted() && !there[t.id] {
			l.add(lostWrite, "session %s, ID %.8s: not listed for its owner %s%v", s.mark, t.id, rep.Owner, &s.trail)
		}
		s.mu.Unlock()
	}
}
