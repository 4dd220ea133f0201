//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// tick is a position in the order of the checker's observations. If one request
// ended before another began, their order is certain; otherwise both orders are
// possible.
type tick int64

// ledger is the checker's knowledge about all sessions.
type ledger struct {
	*violations
	timeline *faultTimeline
	// lastLoss returns when the backend may last have lost the session with the
	// ID. It is nil if the backend never loses sessions.
	lastLoss func(id string) tick
	anyLoss  func() tick // the same for any session
	tally    tally
	ticks    atomic.Int64
	seqs     atomic.Int64

	mu       sync.Mutex
	sessions []*session
	marks    map[string]*session
	given    map[string]*token // every token that a client received
	ids      map[string]*token // by public ID
	dead     []*token
	renewed  []*token // of these, those that became forwards

	unmarked atomic.Int64 // sessions without a mark that requests may have begun
}

// tally has the report's totals.
type tally struct {
	operations atomic.Int64 // requests sent
	sessions   atomic.Int64
	writes     atomic.Int64 // changes acknowledged
	unsure     atomic.Int64 // changes of unknown outcome
	refused    atomic.Int64 // error pages
	endings    atomic.Int64 // requests that found their session ended by a sign-out or renewal
	hungUp     atomic.Int64
	panics     atomic.Int64
	evictions  atomic.Int64 // sessions that the backend lost
	expired    atomic.Int64
	renewals   atomic.Int64
	signOuts   atomic.Int64
	stranded   atomic.Int64 // clients that did not receive their new cookie

	late          atomic.Int64 // requests with an ID that was renewed
	oldSignOuts   atomic.Int64 // sign-outs with such an ID
	doubleSignIns atomic.Int64
	signOutRounds atomic.Int64 // DestroyOwned against devices that renew in a loop
	ownerSignOuts atomic.Int64 // other calls of DestroyOwned
	rotations     atomic.Int64 // renewals by Options.RenewAfter
	listings      atomic.Int64 // of an owner's sessions
}

func newLedger(t *faultTimeline) *ledger {
	return &ledger{
		violations: newViolations(), timeline: t,
		marks: make(map[string]*session), given: make(map[string]*token), ids: make(map[string]*token),
	}
}

func (l *ledger) tick() tick { return tick(l.ticks.Add(1)) }

// seq returns a new number for a value.
func (l *ledger) seq() int64 { return l.seqs.Add(1) }

// session is what the checker knows about one session, under all its IDs.
type session struct {
	l    *ledger
	mark string

	mu      sync.Mutex
	born    tick
	counts  [counters]counter
	cells   [cells]register
	notes   queue
	current *token // nil: none was acknowledged
	owner   *owner
	owned   state // of setting the owner
	ownedAt tick
	joining int       // requests in progress that set the owner
	mayOwn  bool      // one of unknown outcome did
	ended   tick      // when all its IDs were known to have ended; 0: not ended
	ending  int       // sign-outs of others that may end it, in progress or of unknown outcome
	others  int       // its own sign-outs of others in progress
	late    time.Time // until when one may take effect after its client disconnected
	exposed bool      // it was renewed during one, which may end it if a clock is wrong
	orphans int       // records that renewals or creations of unknown outcome may have left

	// A sign-out or invalidate under an old ID follows the forward that a renewal or
	// invalidate has left there, and ends what it leads to.
	ends   atomic.Int64 // sign-outs and invalidates of it, of any outcome but void
	before *session     // whose invalidate created it; nil: none
	// invalidates of it that were requested. The first leaves a forward under the ID
	// that the session has by then. Others follow it, and leave one under the ID of
	// the session that the first has created.
	invalidates atomic.Int64

	trail trail

	rotates bool // some of its requests go to the manager with RenewAfter

	timeout     time.Duration // 0: longer than the run
	created     time.Time     // when its creation was requested
	used        time.Time     // when the last response arrived
	timesUnsure bool          // the times are too uncertain to judge its expiry
}

// state is what is known about a requested change.
type state byte

const (
	pending state = iota
	acked         // it is committed
	unsure        // it may or may not be committed, now or later
	void          // it is not and will not be committed
)

// token is a session token that a client received.
type token struct {
	s      *session
	value  string
	id     string // public ID
	born   tick
	dead   tick   // when it was known to have ended; 0: not ended
	by     string // what ended it
	moved  bool   // its renewal was acknowledged
	ending int    // requests to end it, in progress or of unknown outcome
	unsure int    // of these, renewals of unknown outcome

	forward bool      // a renewal was requested, which leaves a forward under the ID
	since   time.Time // when the renewal that was acknowledged was requested
}

// forwardLife is how long a forward exists, for certain.
const forwardLife = 110 * time.Second

// forwards reports whether the token surely leads to a forward, in a request that
// began at start and has ended.
func (t *token) forwards(start tick) bool {
	l := t.s.l
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return t.dead != 0 && t.dead < start && !t.since.IsZero() && time.Since(t.since) < forwardLife && !t.lost() &&
		!l.timeline.during(t.since, time.Now(), clockFault) // it may have expired for one of the processes
}

// lost reports whether the backend may have lost any record since the token was
// issued.
func (t *token) lost() bool { return t.s.l.anyLoss != nil && t.born < t.s.l.anyLoss() }

// followed reports whether a sign-out or invalidate of another ID may have ended the
// session; own of its own do not count.
func (s *session) followed(own int64) bool {
	if s.ends.Load() > own {
		return true
	}
	for ; s.before != nil; s = s.before {
		if s.before.ends.Load() > 1 { // one created s
			return true
		}
	}
	return false
}

// mayForward reports whether an invalidate may have left a forward under one of the
// session's IDs.
func (s *session) mayForward() bool {
	if s.invalidates.Load() > 0 {
		return true
	}
	for ; s.before != nil; s = s.before {
		if s.before.invalidates.Load() > 1 { // one created s
			return true
		}
	}
	return false
}

// publicID returns the public ID of the token's session.
func publicID(value string) string {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < sha256.Size {
		return ""
	}
	id := sha256.Sum256(raw[:sha256.Size])
	return hex.EncodeToString(id[:])
}

// give records that a client received a new token, which must be unique.
func (l *ledger) give(s *session, value string, born tick) *token {
	t := &token{s: s, value: value, id: publicID(value), born: born}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given[value] != nil {
		l.add(wrongCookie, "a token was issued twice")
	}
	l.given[value], l.ids[t.id] = t, t
	return t
}

// die records that the token has ended. s.mu is held.
func (t *token) die(now tick, by string) {
	if t.dead != 0 {
		return
	}
	t.dead, t.by = now, by
	l := t.s.l
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = append(l.dead, t)
}

// forwarded records that the token was renewed by a request that began at the given
// time. s.mu is held.
func (t *token) forwarded(began time.Time) {
	t.since = began
	l := t.s.l
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = append(l.renewed, t)
}

// renewedToken returns the renewed token that pick selects, or nil.
func (l *ledger) renewedToken(pick func(n int) int) *token {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.renewed) == 0 {
		return nil
	}
	return l.renewed[pick(len(l.renewed))]
}

// deadToken returns the ended token that pick selects, or nil.
func (l *ledger) deadToken(pick func(n int) int) *token {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.dead) == 0 {
		return nil
	}
	return l.dead[pick(len(l.dead))]
}

func (l *ledger) all() []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions
}

// newSession adds a session before it is created.
func (l *ledger) newSession(mark string) *session {
	s := &session{l: l, mark: mark}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, s)
	l.marks[mark] = s
	return s
}

// over reports whether the client can no longer use the session.
func (s *session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current == nil || s.current.dead != 0 || s.ended != 0
}

// evicted reports whether the backend may have lost the token's session.
func (t *token) evicted() bool {
	f := t.s.l.lastLoss
	return f != nil && t.born < f(t.id)
}

// forever is later than any tick.
const forever = tick(math.MaxInt64)

// session returns the session with the mark.
func (l *ledger) session(mark string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks[mark]
}
