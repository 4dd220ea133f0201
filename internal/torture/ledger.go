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

// tick is a point in the order of what the checker did and saw. Of two requests
// of which one ended before the other began, the order is certain; of others
// both orders are possible.
type tick int64

// ledger is what the checker knows.
type ledger struct {
	*violations
	weather *weather
	// forgot is the latest moment at which the backend may have forgotten the
	// session of the id; nil where it never does.
	forgot func(id string) tick
	tally  tally
	ticks  atomic.Int64
	seqs   atomic.Int64

	mu       sync.Mutex
	subjects []*subject
	marks    map[string]*subject
	given    map[string]*token // every token that a client was given
	ids      map[string]*token // by public id
	dead     []*token
}

// tally counts what happened, for the report.
type tally struct {
	operations atomic.Int64 // requests that were sent
	sessions   atomic.Int64
	writes     atomic.Int64 // changes acknowledged
	unsure     atomic.Int64 // changes of unknown outcome
	refused    atomic.Int64 // error pages
	endings    atomic.Int64 // requests that lost to a log-out or renewal
	hungUp     atomic.Int64
	panics     atomic.Int64
	evictions  atomic.Int64 // sessions that the backend forgot
	expired    atomic.Int64
	renewals   atomic.Int64
	logouts    atomic.Int64
	stranded   atomic.Int64 // clients that never heard of their renewal
}

func newLedger(w *weather) *ledger {
	return &ledger{
		violations: newViolations(), weather: w,
		marks: make(map[string]*subject), given: make(map[string]*token), ids: make(map[string]*token),
	}
}

func (l *ledger) tick() tick { return tick(l.ticks.Add(1)) }

// seq numbers a value that is to be written.
func (l *ledger) seq() int64 { return l.seqs.Add(1) }

// subject is one session, as the checker knows it, through all its ids.
type subject struct {
	l    *ledger
	mark string

	mu      sync.Mutex
	born    tick
	counts  [counters]counter
	cells   [cells]register
	notes   queue
	current *token // nil: it was never acknowledged
	owner   *owner
	owned   state // whether the owner is known to be set
	ownedAt tick
	ended   tick      // when all its ids were known to be dead; 0: they are not
	ending  int       // log-outs of others that concern it, under way or of unknown outcome
	others  int       // log-outs of others that it asked for itself, under way
	late    time.Time // until when one may be, whose client has given up
	orphans int       // records that renewals of unknown outcome may have left

	trail trail

	timeout time.Duration // 0: longer than the run
	created time.Time     // when its creation was asked for
	used    time.Time     // when its last use was answered
	vague   bool          // its times are not known well enough to judge its expiry
}

// state is what is known of something that was asked for.
type state byte

const (
	pending state = iota
	acked         // it is committed
	unsure        // it is, or it will be, or it never will be
	void          // it never will be
)

// token is what a client holds of a session, until the session is renewed.
type token struct {
	s      *subject
	value  string
	id     string // the public one
	born   tick
	dead   tick   // when it was known to be dead; 0: it is not
	by     string // what it died by
	moved  bool   // its renewal was acknowledged
	ending int    // requests to end it, under way or of unknown outcome
	unsure int    // of these, renewals of unknown outcome
}

// publicID is what the store knows the token's session by.
func publicID(value string) string {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < sha256.Size {
		return ""
	}
	id := sha256.Sum256(raw[:sha256.Size])
	return hex.EncodeToString(id[:])
}

// give notes that a client was given a new token. It may not be one that was
// given before.
func (l *ledger) give(s *subject, value string, born tick) *token {
	t := &token{s: s, value: value, id: publicID(value), born: born}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given[value] != nil {
		l.add(wrongCookie, "a token was given out twice")
	}
	l.given[value], l.ids[t.id] = t, t
	return t
}

// die notes that the token is dead from now on. s.mu is held.
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

// deadToken returns one of the tokens that are dead, the latest or any.
func (l *ledger) deadToken(pick func(n int) int) *token {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.dead) == 0 {
		return nil
	}
	return l.dead[pick(len(l.dead))]
}

func (l *ledger) all() []*subject {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.subjects
}

// newSubject is a session that is going to be asked for.
func (l *ledger) newSubject(mark string) *subject {
	s := &subject{l: l, mark: mark}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subjects = append(l.subjects, s)
	l.marks[mark] = s
	return s
}

// over tells that the client has nothing more to ask of the session.
func (s *subject) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current == nil || s.current.dead != 0 || s.ended != 0
}

// evicted tells that the backend may have forgotten the token's session.
func (t *token) evicted() bool {
	f := t.s.l.forgot
	return f != nil && t.born < f(t.id)
}

// forever is later than all ticks.
const forever = tick(math.MaxInt64)

// subject returns the session of the mark.
func (l *ledger) subject(mark string) *subject {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks[mark]
}
