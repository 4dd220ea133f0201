//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// readAll reads every live session, and requests every ended ID, up to a limit.
func (r *run) readAll() {
	type look struct {
		s *session
		t *token
	}
	var looks []look
	for _, s := range r.ledger.all() {
		s.mu.Lock()
		if t := s.current; t != nil && t.dead == 0 {
			looks = append(looks, look{s, t})
		}
		s.mu.Unlock()
	}
	r.ledger.mu.Lock()
	dead := make([]*token, len(r.ledger.dead))
	copy(dead, r.ledger.dead)
	r.ledger.mu.Unlock()
	rng := rand.New(rand.NewPCG(r.plan.Seed, 3000))
	rng.Shuffle(len(dead), func(i, j int) { dead[i], dead[j] = dead[j], dead[i] })
	const most = 20_000
	for _, t := range dead[:min(len(dead), most)] {
		looks = append(looks, look{t.s, t})
	}
	next := make(chan look)
	var wg sync.WaitGroup
	for range max(1, min(16, r.plan.Workers)) {
		wg.Go(func() {
			for l := range next {
				r.clients.do(l.s, l.t, &operation{}, nil, 0)
			}
		})
	}
	for _, l := range looks {
		if r.found() {
			break
		}
		next <- l
	}
	close(next)
	wg.Wait()
}

// listAll compares the store's listing with the ledger.
func (r *run) listAll() error {
	l := r.ledger
	began := l.tick()
	var all []listed
	if err := r.fleet.slots[0].control("list", 0, &all); err != nil {
		return err
	}
	there := make(map[string]bool)
	orphans := make(map[*session]int)
	unmarked := l.unmarked.Load()
	for _, e := range all {
		if e.Err != "" {
			l.add(torn, "listing: %s", e.Err)
			continue
		}
		if there[e.ID] {
			l.add(torn, "session %.8s is listed twice", e.ID)
		}
		there[e.ID] = true
		l.mu.Lock()
		t, s := l.ids[e.ID], l.marks[e.Mark]
		l.mu.Unlock()
		switch {
		case t != nil:
			t.s.mu.Lock()
			if t.dead != 0 && t.dead < began || t.s.ended != 0 {
				breach := deadRecord
				if t.forward {
					breach = forwardShown
				}
				l.add(breach, "session %s, ID %.8s: an ended session is listed", t.s.mark, t.id)
			}
			if e.Mark != t.s.mark {
				l.add(crossTalk, "session %s, ID %.8s: listed as %s", t.s.mark, t.id, e.Mark)
			}
			t.s.mu.Unlock()
		case s == nil && e.Mark == "" && unmarked > 0:
			unmarked--
		case s == nil:
			l.add(crossTalk, "session %.8s is listed with the mark %q", e.ID, e.Mark)
		default:
			orphans[s]++
		}
	}
	for s, n := range orphans {
		s.mu.Lock()
		if n > s.orphans {
			l.add(strayRecord, "session %s: %d records with IDs that no client received; at most %d renewals or creations may have left one%v", s.mark, n, s.orphans, &s.trail)
		}
		s.mu.Unlock()
	}
	for _, s := range l.all() {
		s.mu.Lock()
		t := s.current
		if t != nil && t.dead == 0 && s.ended == 0 && s.ending == 0 && t.ending == 0 && s.timeout == 0 && !s.followed(0) && !there[t.id] && !t.evicted() {
			l.add(lostWrite, "session %s, ID %.8s: not listed", s.mark, t.id)
		}
		s.mu.Unlock()
	}
	return nil
}

// sweepTime is how long an expired record may still exist: many sweeps, since the
// machine may be busy.
const sweepTime = 12 * sweepInterval

// sweepLast waits until the store should have removed all expired records, and
// checks that a sweep removes none.
func (r *run) sweepLast() {
	if u := r.plan.Until; u != "" && u != lateRecord {
		return
	}
	var last time.Time
	for _, s := range r.ledger.all() {
		if s.timeout > 0 {
			s.mu.Lock()
			if end := s.used.Add(s.timeout); end.After(last) {
				last = end
			}
			s.mu.Unlock()
		}
	}
	time.Sleep(time.Until(last.Add(sweepTime)))
	var removed int
	if err := r.fleet.slots[0].control("sweep", 0, &removed); err != nil {
		r.ledger.add(unexplained, "last sweep: %v", err)
	}
	if removed > 0 && !r.clocksWrong() && !r.timeline.during(r.began, time.Now(), removalFault) {
		r.ledger.add(lateRecord, "the last sweep removed %d records", removed)
	}
}

// clocksWrong reports whether a clock was wrong during the run, so that sessions
// may have expired early or late.
func (r *run) clocksWrong() bool {
	return r.timeline.during(r.began, time.Now(), clockFault)
}

// rawAll checks the records in the backend, bypassing the store.
func (r *run) rawAll() error {
	if r.found() {
		return nil
	}
	ids, err := r.backend.raw()
	if err != nil {
		return err
	}
	l := r.ledger
	for _, id := range ids {
		l.mu.Lock()
		t := l.ids[id]
		l.mu.Unlock()
		if t == nil {
			continue // checked by listAll
		}
		s := t.s
		s.mu.Lock()
		switch {
		case s.timeout > 0 && r.timeline.during(s.created, s.used.Add(s.timeout), clockFault),
			s.timeout > 0 && r.timeline.during(s.created, s.used.Add(s.timeout+sweepTime), removalFault):
		case t.forward, s.mayForward(): // it may be the forward, which listAll has not shown
		case s.timeout > 0:
			l.add(lateRecord, "session %s, ID %.8s: expired at %v, still stored at %v", s.mark, t.id, s.used.Add(s.timeout), time.Now())
		case s.timeout == 0 && (t.dead != 0 || s.ended != 0):
			before := ""
			if s.before != nil {
				before = fmt.Sprintf(", created by one of %d invalidates of session %s", s.before.invalidates.Load(), s.before.mark)
			}
			l.add(deadRecord, "session %s, ID %.8s%s, ended at %d by %q: its record is still stored%v", s.mark, t.id, before, t.dead, t.by, &s.trail)
		}
		s.mu.Unlock()
	}
	return nil
}
