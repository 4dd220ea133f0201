package driver

import (
	"errors"
	"sync"
)

// Gate implements rule 11 for a Store: each call enters and leaves, and Close
// waits for the calls that have entered. The zero Gate is open. A listing calls
// Leave before it yields and Enter for its next step, so that the loop's body may
// call the Store and close it.
type Gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // made by Close, closed when no call is inside
	once   sync.Once
	err    error
}

// Enter returns nil if the gate is open; the caller must then call Leave.
// Otherwise it returns ErrClosed.
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.inside++
	return nil
}

// Leave ends a call for which Enter returned nil.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// Close closes the gate, waits for the calls inside, then calls each release in
// order and returns their errors joined. Only the first Close does this; any other
// waits for it and returns the same error.
func (g *Gate) Close(release ...func() error) error {
	g.once.Do(func() {
		g.mu.Lock()
		g.closed = true
		g.empty = make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
		g.mu.Unlock()
		<-g.empty
		var errs []error
		for _, f := range release {
			errs = append(errs, f())
		}
		g.err = errors.Join(errs...)
	})
	return g.err
}
