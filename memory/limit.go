package memory

import "errors"

// ErrFull is wrapped by the error of a Save that would create a session in a
// store that holds Options.MaxSessions live ones. Sessions that exist go on
// working. Expired ones are removed first, and those alone: if a newcomer
// could push out a live session, anybody able to start sessions could log
// everybody out.
//
// Renewing a session's id creates the new record before the old one goes, so
// in a full store that fails too. Set the limit where memory would end, not
// where traffic is expected.
var ErrFull = errors.New("store is full")

// reserve takes room for one more session, and tells whether there was any.
func (s *store) reserve() bool {
	if s.max == 0 {
		return true
	}
	if s.count.Add(1) > int64(s.max) {
		s.count.Add(-1)
		return false
	}
	return true
}

// release gives back the room of n sessions.
func (s *store) release(n int) {
	if s.max != 0 && n != 0 {
		s.count.Add(int64(-n))
	}
}
