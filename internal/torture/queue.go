//go:build linux

package main

import "time"

// queue is what is known about a session's messages.
type queue struct {
	notes        map[int64]*message
	taking       int       // takes in progress
	unsureBefore time.Time // a take of unknown outcome may have removed messages added before
}

// message is a message whose addition was requested.
type message struct {
	start, end tick
	added      time.Time // when the response arrived
	state      state
	takenStart tick // of the first acknowledged take that returned it; 0: none
	takenEnd   tick
}

// lateEffect is how long a request may still take effect after its client has
// disconnected, because of a stopped process, a sleeping handler or a commit.
const lateEffect = 30 * time.Second

func (q *queue) begin(seq int64, start tick) *message {
	if q.notes == nil {
		q.notes = make(map[int64]*message)
	}
	m := &message{start: start}
	q.notes[seq] = m
	return m
}

// sawNotes checks the messages that a request read or took. own reports whether it
// is a take itself.
func (s *session) sawNotes(seen []sighting, start tick, own bool) {
	q := &s.notes
	shown := make(map[int64]bool)
	for _, n := range seen {
		m := q.notes[n.Seq]
		switch {
		case n.Mark != s.mark || m == nil:
			s.l.add(crossTalk, "session %s: a message of %s %d", s.mark, n.Mark, n.Seq)
			continue
		case n.Torn:
			s.l.add(torn, "session %s: message %d is torn", s.mark, n.Seq)
		case m.state == void:
			s.l.add(uncommitted, "session %s: message %d was not committed", s.mark, n.Seq)
		case m.takenEnd != 0 && m.takenEnd < start:
			s.l.add(twice, "session %s: message %d still exists after it was taken", s.mark, n.Seq)
		case shown[n.Seq]:
			s.l.add(twice, "session %s: message %d exists twice", s.mark, n.Seq)
		}
		shown[n.Seq] = true
	}
	taking := q.taking
	if own {
		taking--
	}
	if taking > 0 {
		return // others may have taken the missing messages
	}
	for seq, m := range q.notes {
		if m.state == acked && m.end < start && !shown[seq] && m.takenStart == 0 && m.added.After(q.unsureBefore) {
			s.l.add(lostWrite, "session %s: message %d, added between %d and %d, is missing at %d%v", s.mark, seq, m.start, m.end, start, &s.trail)
		}
	}
}

// took records the messages of an acknowledged take.
func (s *session) took(taken []sighting, start, end tick) {
	for _, n := range taken {
		if m := s.notes.notes[n.Seq]; m != nil && m.takenStart == 0 {
			m.takenStart, m.takenEnd = start, end
		}
	}
}
