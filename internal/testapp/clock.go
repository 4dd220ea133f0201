package testapp

import (
	"sync"
	"time"
)

// Epoch is the time at which an application's clock starts.
var Epoch = time.Date(2030, time.March, 1, 12, 0, 0, 0, time.UTC)

// zone is far from UTC, and probably from the machine's.
var zone = time.FixedZone("NPT", 20700)

// Clock is a clock for Options.Now that moves only when it is told to. It is safe
// for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
