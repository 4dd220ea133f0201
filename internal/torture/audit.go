//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// readAll reads every session that is alive, and asks for every id that is
// dead, or many thousands of them.
func (r *run) readAll() {
	type look struct {
		s *subject
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
				r.clients.ask(l.s, l.t, &order{}, nil, 0)
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

// listAll compares what the store lists with what is known.
func (r *run) listAll() error {
	l := r.ledger
	began := l.tick()
	var all []listed
	if err := r.fleet.slots[0].control("list", 0, &all); err != nil {
		return err
	}
	there := make(map[string]bool)
	orphans := make(map[*subject]int)
	for _, e := range all {
		if e.Err != "" {
			l.add(torn, "a listing says: %s", e.Err)
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
				l.add(deadRecord, "session %s, id %.8s: it is listed", t.s.mark, t.id)
			}
			if e.Mark != t.s.mark {
				l.add(crossTalk, "session %s, id %.8s: it is listed as %s", t.s.mark, t.id, e.Mark)
			}
			t.s.mu.Unlock()
		case s == nil:
			l.add(crossTalk, "session %.8s is listed with the mark %q", e.ID, e.Mark)
		default:
			orphans[s]++
		}
	}
	for s, n := range orphans {
		s.mu.Lock()
		if n > s.orphans {
			l.add(strayRecord, "session %s: %d records under ids that no client got, %d renewals or creations that may have left one%v", s.mark, n, s.orphans, &s.trail)
		}
		s.mu.Unlock()
	}
	for _, s := range l.all() {
		s.mu.Lock()
		t := s.current
		if t != nil && t.dead == 0 && s.ended == 0 && s.ending == 0 && t.ending == 0 && s.timeout == 0 && !there[t.id] && !t.evicted() {
			l.add(lostWrite, "session %s, id %.8s: it is not listed", s.mark, t.id)
		}
		s.mu.Unlock()
	}
	return nil
}

// sweepTime is how long after its expiry a record may still be there: many
// sweeps, as the machine may be busy with other tests.
const sweepTime = 12 * sweepInterval

// sweepLast waits until the store has removed all that expired by itself, and
// sees that there is nothing left for a sweep.
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
		r.ledger.add(unexplained, "sweeping at the end: %v", err)
	}
	if removed > 0 && !r.tricked() && !r.weather.during(r.began, time.Now(), keepingFault) {
		r.ledger.add(lateRecord, "%d records were left for the last sweep", removed)
	}
}

// tricked tells that clocks were wrong, so that some sessions expire at another
// time than they should.
func (r *run) tricked() bool {
	return r.weather.during(r.began, time.Now(), clockFault)
}

// rawAll looks at the records behind the store's back.
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
			continue // the listing has told whether it may be there
		}
		s := t.s
		s.mu.Lock()
		switch {
		case s.timeout > 0 && r.weather.during(s.created, s.used.Add(s.timeout), clockFault),
			s.timeout > 0 && r.weather.during(s.created, s.used.Add(s.timeout+sweepTime), keepingFault):
		case s.timeout > 0:
			l.add(lateRecord, "session %s, id %.8s: expired at %v, still there at %v", s.mark, t.id, s.used.Add(s.timeout), time.Now())
		case s.timeout == 0 && (t.dead != 0 || s.ended != 0):
			l.add(deadRecord, "session %s, id %.8s: its record is there", s.mark, t.id)
		}
		s.mu.Unlock()
	}
	return nil
}
