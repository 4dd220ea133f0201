//go:build linux

package main

import (
	"fmt"
	"sync"
)

// breach is a kind of violation: a promise that was broken.
type breach string

const (
	lostWrite    breach = "acknowledged write lost"
	inexact      breach = "counter not exact"
	uncommitted  breach = "what was not committed is seen"
	twice        breach = "single-use value used twice"
	crossTalk    breach = "another session's data"
	torn         breach = "damaged value or record"
	anonymous    breach = "live session answered as anonymous"
	whileDown    breach = "live session answered as anonymous while the store was down"
	deadAnswered breach = "ended session answered with data"
	deadRecord   breach = "record of an ended session left"
	strayRecord  breach = "record that nobody can have made"
	wrongCookie  breach = "cookie for a session that is not live, or none for one that is"
	lateAnswered breach = "expired session answered with data"
	lateRecord   breach = "record left after its expiry"
	leak         breach = "goroutine or descriptor left"
	died         breach = "server process died or complained"
	unexplained  breach = "error that no fault explains"
)

// breaches are all of them.
var breaches = []breach{
	lostWrite, inexact, uncommitted, twice, crossTalk, torn, anonymous, whileDown, deadAnswered, deadRecord,
	strayRecord, wrongCookie, lateAnswered, lateRecord, leak, died, unexplained,
}

// violation is one case of a breach.
type violation struct {
	Breach breach
	What   string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s", v.Breach, v.What) }

// violations are those of a run. All are counted, the first are kept.
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

// of returns how often a promise was broken so far.
func (v *violations) of(b breach) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count[b]
}
