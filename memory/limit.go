package memory

import "errors"

// ErrFull is wrapped by the error of a Save that would create a session in a
// store with Options.MaxSessions live records. Existing sessions keep working.
// Expired sessions are removed to make room, live ones never: otherwise anyone
// who can start sessions could sign everybody out.
//
// The limit counts records. For two minutes, a renewed session has a second one: the
// forward under its old ID. So renewals fail too while the store is full. Choose the
// limit by the memory that is available, not by the traffic that you expect.
var ErrFull = errors.New("store is full")

// reserve counts one more session and reports whether there was room for it.
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

// release counts n sessions less.
func (s *store) release(n int) {
	if s.max != 0 && n != 0 {
		s.count.Add(int64(-n))
	}
}
