package sessions

import (
	"fmt"
	"math/rand/v2"

	"github.com/pump-go/sessions/internal/codec"
	"github.com/pump-go/sessions/internal/content"
)

// Flash is the name of a queue of messages of type T. They stay in the session
// until a page shows them, typically the one after a redirect. T may be any
// type that is valid for Key.
//
//	const notices sessions.Flash[string] = "notices"
//
// Two requests that take messages at the same time may both get them. For a
// value that only one request may get, use Key.Pop.
type Flash[T any] string

// Add appends a message to the queue. Messages that parallel requests add are
// all kept.
func (q Flash[T]) Add(s *Session, message T) {
	if !decodable[T]() {
		s.refuse(undecodable[T](string(q)))
		return
	}
	s.touch()
	defer s.mu.Unlock()
	if s.phase == failed {
		return
	}
	raw, err := codec.Marshal(message)
	if err != nil {
		s.fail(fmt.Errorf("encode flash %q: %w", string(q), err))
		return
	}
	s.do(&content.AddFlash{Flash: content.Flash{Queue: string(q), ID: rand.Uint64(), Raw: raw}})
}

// Take returns the messages in the order in which they were added, and removes
// them. It does not remove a message that another request adds at the same
// time.
func (q Flash[T]) Take(s *Session) []T { return q.read(s, true) }

// Peek returns the messages without removing them.
func (q Flash[T]) Peek(s *Session) []T { return q.read(s, false) }

func (q Flash[T]) read(s *Session, take bool) []T {
	s.touch()
	defer s.mu.Unlock()
	var messages []T
	ids := make(map[uint64]bool)
	for _, f := range s.view.Flashes {
		if f.Queue != string(q) {
			continue
		}
		ids[f.ID] = true
		message, err := codec.Decode[T](f.Raw)
		if err != nil {
			s.m.log.Warn("sessions: stored flash does not fit its type",
				"session", s.publicID(), "queue", string(q), "error", err)
			continue
		}
		messages = append(messages, message)
	}
	if take && len(ids) > 0 {
		s.do(&content.TakeFlashes{IDs: ids})
	}
	return messages
}

// flashes is the queue of AddFlash and Flashes.
const flashes Flash[string] = "flash"

// AddFlash adds a message to the queue that Flashes returns: Flash[string]
// "flash".
func (s *Session) AddFlash(message string) { flashes.Add(s, message) }

// Flashes returns the messages of AddFlash and removes them.
func (s *Session) Flashes() []string { return flashes.Take(s) }
