//go:build linux

package main

import "time"

// queue is a session's messages.
type queue struct {
	notes  map[int64]*message
	taking int       // takes under way
	vague  time.Time // messages added before it may have been taken by a take of unknown outcome
}

// message is one that was asked to be added.
type message struct {
	start, end tick
	added      time.Time // when its adding was answered
	state      state
	takenStart tick // of the first take that was acknowledged to have it; 0: none
	takenEnd   tick
}

// settleTime is how long after its client has given up a request may still take
// effect: a process that was stopped, a handler that sleeps, a commit.
const settleTime = 30 * time.Second

func (q *queue) begin(seq int64, start tick) *message {
	if q.notes == nil {
		q.notes = make(map[int64]*message)
	}
	m := &message{start: start}
	q.notes[seq] = m
	return m
}

// sawNotes checks the messages that a request saw, or took. own is whether it
// is a take itself.
func (s *subject) sawNotes(seen []sighting, start tick, own bool) {
	q := &s.notes
	shown := make(map[int64]bool)
	for _, n := range seen {
		m := q.notes[n.Seq]
		switch {
		case n.Mark != s.mark || m == nil:
			s.l.add(crossTalk, "session %s: a message of %s %d", s.mark, n.Mark, n.Seq)
			continue
		case n.Torn:
			s.l.add(torn, "session %s: message %d is in pieces", s.mark, n.Seq)
		case m.state == void:
			s.l.add(uncommitted, "session %s: message %d was not committed", s.mark, n.Seq)
		case m.takenEnd != 0 && m.takenEnd < start:
			s.l.add(twice, "session %s: message %d is still there after it was taken", s.mark, n.Seq)
		case shown[n.Seq]:
			s.l.add(twice, "session %s: message %d is there twice", s.mark, n.Seq)
		}
		shown[n.Seq] = true
	}
	taking := q.taking
	if own {
		taking--
	}
	if taking > 0 {
		return // by others, who may have got what is missing
	}
	for seq, m := range q.notes {
		if m.state == acked && m.end < start && !shown[seq] && m.takenStart == 0 && m.added.After(q.vague) {
			s.l.add(lostWrite, "session %s: message %d, added from %d to %d, is gone at %d%v", s.mark, seq, m.start, m.end, start, &s.trail)
		}
	}
}

// took notes that an acknowledged take had the messages.
func (s *subject) took(taken []sighting, start, end tick) {
	for _, n := range taken {
		if m := s.notes.notes[n.Seq]; m != nil && m.takenStart == 0 {
			m.takenStart, m.takenEnd = start, end
		}
	}
}
