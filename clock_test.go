package sessions_test

import (
	"sync"
	"time"
)

// fakeEpoch is when the tests' clocks start.
var fakeEpoch = time.Date(2030, time.March, 1, 12, 0, 0, 0, time.UTC)

// fakeClock is a clock for Options.Now that moves when it is told to.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func newFakeClock() *fakeClock { return &fakeClock{now: fakeEpoch} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// advance moves the clock, back if d is negative.
func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
