//go:build linux

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// owner is a user with several sessions.
type owner struct {
	name string

	mu      sync.Mutex
	members []*subject
	active  int       // log-outs of others under way
	late    time.Time // until when one may be, whose client has given up

	last atomic.Pointer[string] // what came of the latest
}

// purging tells whether a log-out of others may be under way. o.mu is held.
func (o *owner) purging() bool { return o.active > 0 || time.Now().Before(o.late) }

// String tells what a violation may have come from.
func (o *owner) String() string {
	if o == nil {
		return "nobody"
	}
	if last := o.last.Load(); last != nil {
		return o.name + ", whose others were logged out last by " + *last
	}
	return o.name
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
	if o.purging() {
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
	last := fmt.Sprintf("%s, known at %d: %v", p.asker.mark, now, st)
	p.o.last.Store(&last)
	if st == unsure {
		p.o.late = time.Now().Add(settleTime)
	}
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
