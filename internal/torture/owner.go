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
	members []*session
	active  int       // logouts of others in progress
	late    time.Time // until when one may take effect after its client disconnected

	last atomic.Pointer[string] // the outcome of the latest logout of others
}

// purging reports whether a logout of others may be in progress. o.mu is held.
func (o *owner) purging() bool { return o.active > 0 || time.Now().Before(o.late) }

// String describes the owner in a violation.
func (o *owner) String() string {
	if o == nil {
		return "nobody"
	}
	if last := o.last.Load(); last != nil {
		return o.name + ", last logout of others by " + *last
	}
	return o.name
}

// join records that the session is about to become the owner's. It returns false
// if the session has an owner.
func (o *owner) join(s *session) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != nil {
		return false
	}
	s.owner, s.owned = o, pending
	if o.purging() {
		s.ending++ // it may be ended too
	}
	o.members = append(o.members, s)
	return true
}

// purge is one logout of an owner's other sessions.
type purge struct {
	o     *owner
	asker *session
	sure  []*session // were the owner's when it began
	maybe []*session
}

// purge records that the owner's sessions, except the asker's, are about to be
// ended.
func (o *owner) purge(asker *session) *purge {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active++
	p := &purge{o: o, asker: asker}
	kept := o.members[:0]
	for _, s := range o.members {
		s.mu.Lock()
		switch {
		case s.ended != 0:
			// It has ended.
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

// finish records the outcome.
func (p *purge) finish(st state, now tick) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	p.o.active--
	last := fmt.Sprintf("%s, known at %d: %v", p.asker.mark, now, st)
	p.o.last.Store(&last)
	if st == unsure {
		p.o.late = time.Now().Add(lateEffect)
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

// end records that the session has ended under all its ids. s.mu is held.
func (s *session) end(now tick) {
	if s.ended == 0 {
		s.ended = now
	}
	if s.current != nil {
		s.current.die(now, string(logoutOthers))
	}
}
