//go:build linux

package main

import "sync"

// owner is a user with several sessions.
type owner struct {
	name string

	mu      sync.Mutex
	members []*subject
	active  int // log-outs of others under way
}

// join notes that the session is going to be the owner's, unless it has one.
func (o *owner) join(s *subject) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != nil {
		return false
	}
	s.owner, s.owned = o, pending
	if o.active > 0 {
		s.ending++ // it may come just in time to be ended
	}
	o.members = append(o.members, s)
	return true
}

// purge is one logging out of an owner's other sessions.
type purge struct {
	o     *owner
	asker *subject
	sure  []*subject // were the owner's when it began
	maybe []*subject
}

// purge notes that the owner's sessions, but for the asker's, are going to be
// ended.
func (o *owner) purge(asker *subject) *purge {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active++
	p := &purge{o: o, asker: asker}
	kept := o.members[:0]
	for _, s := range o.members {
		s.mu.Lock()
		switch {
		case s.ended != 0:
			// It is over, and stays so.
		case s == asker:
			kept = append(kept, s)
		case s.owned == void:
			// It never was the owner's.
		default:
			kept = append(kept, s)
			s.ending++
			if s.owned == acked {
				p.sure = append(p.sure, s)
			} else {
				p.maybe = append(p.maybe, s)
			}
		}
		s.mu.Unlock()
	}
	o.members = kept
	return p
}

// settle notes what became of it.
func (p *purge) settle(st state, now tick) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	p.o.active--
	for _, s := range p.sure {
		s.mu.Lock()
		switch st {
		case acked:
			s.end(now)
		case void:
			s.ending--
		}
		s.mu.Unlock()
	}
	if st == void {
		for _, s := range p.maybe {
			s.mu.Lock()
			s.ending--
			s.mu.Unlock()
		}
	}
}

// end notes that the session is over under all its ids. s.mu is held.
func (s *subject) end(now tick) {
	if s.ended == 0 {
		s.ended = now
	}
	if s.current != nil {
		s.current.die(now, string(logoutOthers))
	}
}
