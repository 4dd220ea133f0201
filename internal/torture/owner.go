//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// owner is a user with several sessions.
type owner struct {
	name string

	mu      sync.Mutex
	members []*session
	active  int       // sign-outs of others in progress
	late    time.Time // until when one may take effect after its client disconnected

	last atomic.Pointer[string] // the outcome of the latest sign-out of others
}

// purging reports whether a sign-out of others may be in progress. o.mu is held.
func (o *owner) purging() bool { return o.active > 0 || time.Now().Before(o.late) }

// String describes the owner in a violation.
func (o *owner) String() string {
	if o == nil {
		return "nobody"
	}
	if last := o.last.Load(); last != nil {
		return o.name + ", last sign-out of others by " + *last
	}
	return o.name
}

// join records that the session is about to become the owner's. It returns false
// if the session has another owner.
func (o *owner) join(s *session) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != nil && s.owner != o {
		return false
	}
	s.owner = o
	s.joining++
	if s.owned != acked {
		s.owned = pending
	}
	if o.purging() {
		s.ending++ // it may be ended too
	}
	if !slices.Contains(o.members, s) {
		o.members = append(o.members, s)
	}
	return true
}

// joined records the outcome of one request that set the owner. s.mu is held.
func (s *session) joined(st state, now tick) {
	s.joining--
	s.mayOwn = s.mayOwn || st == unsure
	switch {
	case s.owned == acked:
	case st == acked:
		s.owned, s.ownedAt = acked, now
	case s.joining > 0:
		s.owned = pending
	case s.mayOwn:
		s.owned = unsure
	default:
		s.owned = void
	}
}

// purge is one sign-out of an owner's other sessions, or of all.
type purge struct {
	o     *owner
	asker *session   // nil: all
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
	by := "nobody"
	if p.asker != nil {
		by = p.asker.mark
	}
	last := fmt.Sprintf("%s, known at %d: %v", by, now, st)
	p.o.last.Store(&last)
	if st == unsure {
		p.o.late = time.Now().Add(lateEffect)
	}
	for _, s := range p.sure {
		s.mu.Lock()
		switch st {
		case acked:
			s.end(now, signOutOthers)
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

// end records that the session has ended under all its IDs. s.mu is held.
func (s *session) end(now tick, by life) {
	if s.ended == 0 {
		s.ended = now
	}
	if s.current != nil {
		s.current.die(now, string(by))
	}
}

// destroyOwned signs out all of an owner's sessions.
func (ld *load) destroyOwned(own *owner, rng *rand.Rand) state {
	p, began := own.purge(nil), time.Now()
	r := ld.cs.send(&operation{Life: destroyOwned, Owner: own.name}, "", ld.hangUp(rng), began)
	st := unsure
	switch {
	case r.outcome == committed && r.reply.Others == "":
		st = acked
		ld.l.tally.ownerSignOuts.Add(1)
	case r.outcome == notDone:
		st = void
	case r.outcome == committed && !ld.l.timeline.faultSince(began):
		ld.l.add(unexplained, "signing out %s: %s", own.name, r.reply.Others)
	}
	p.finish(st, ld.l.tick())
	return st
}
