//go:build linux

package main

import (
	"fmt"
	"sync"
)

// breach is a kind of violation.
type breach string

const (
	lostWrite    breach = "acknowledged write lost"
	inexact      breach = "counter not exact"
	uncommitted  breach = "uncommitted change visible"
	twice        breach = "single-use value used twice"
	crossTalk    breach = "another session's data"
	torn         breach = "damaged value or record"
	anonymous    breach = "live session treated as anonymous"
	whileDown    breach = "live session treated as anonymous while the store was down"
	deadAnswered breach = "data of an ended session returned"
	deadRecord   breach = "record of an ended session not deleted"
	strayRecord  breach = "record of unknown origin"
	wrongCookie  breach = "cookie for a session that is not live, or none for one that is"
	lateAnswered breach = "data of an expired session returned"
	lateRecord   breach = "expired record not removed"
	forwardShown breach = "forward shown in a listing"
	leak         breach = "goroutine or descriptor leaked"
	died         breach = "server process died or logged an error"
	lateChanged  breach = "late request changed something, or got a cookie"
	lateRefused  breach = "late read, sign-in or sign-out refused"
	signInLost   breach = "sign-in that gave no session"
	notSignedOut breach = "session alive after a sign-out under an old ID"
	ownedLeft    breach = "session alive after its owner's sessions were destroyed"
	unexplained  breach = "error not explained by a fault"
)

// breaches are all kinds.
var breaches = []breach{
	lostWrite, inexact, uncommitted, twice, crossTalk, torn, anonymous, whileDown, deadAnswered, deadRecord,
	strayRecord, wrongCookie, lateAnswered, lateRecord, leak, died,
	lateChanged, lateRefused, signInLost, notSignedOut, ownedLeft, forwardShown, unexplained,
}

// violation is one observation of a breach.
type violation struct {
	Breach breach
	What   string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s", v.Breach, v.What) }

// violations collects the violations of a run. All are counted, the first are
// kept.
type violations struct {
	mu    sync.Mutex
	count map[breach]int
	first []violation
	found chan struct{} // closed at the first one
}

const keptViolations = 50

func newViolations() *violations {
	return &violations{count: make(map[breach]int), found: make(chan struct{})}
}

func (v *violations) add(b breach, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count[b]++
	if len(v.first) < keptViolations {
		v.first = append(v.first, violation{b, fmt.Sprintf(format, args...)})
	}
	if v.found != nil && v.total() == 1 {
		close(v.found)
	}
}

func (v *violations) total() (n int) {
	for _, c := range v.count {
		n += c
	}
	return n
}

// of returns the number of violations of a kind so far.
func (v *violations) of(b breach) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count[b]
}
