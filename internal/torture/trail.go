//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// trail keeps the last requests of a session, shown with a violation.
type trail struct {
	steps []step
	next  int
}

type step struct {
	start, end tick
	began      time.Time
	took       time.Duration
	life       life
	manner     manner
	id         string
	outcome    outcome
	status     int
	there      bool
	changes    []change
}

const trailLength = 40

func (t *trail) add(s step) {
	if len(t.steps) < trailLength {
		t.steps = append(t.steps, s)
		return
	}
	t.steps[t.next] = s
	t.next = (t.next + 1) % trailLength
}

func (t *trail) String() string {
	var b strings.Builder
	for i := range t.steps {
		s := &t.steps[(t.next+i)%len(t.steps)]
		fmt.Fprintf(&b, "\n    %d-%d %s +%v ID %.8s %q %q: %v, status %d, there %v, changes %v", s.start, s.end, s.began.Format("05.000"), s.took.Round(time.Millisecond),
			s.id, s.life, s.manner, s.outcome, s.status, s.there, s.changes)
	}
	return b.String()
}

func (s state) String() string {
	return [...]string{pending: "pending", acked: "done", unsure: "outcome unknown", void: "nothing done"}[s]
}

func (o outcome) String() string {
	return [...]string{committed: "committed", notDone: "nothing done", unknown: "outcome unknown", sessionEnded: "session ended"}[o]
}
