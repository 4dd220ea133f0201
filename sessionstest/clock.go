package sessionstest

import (
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// start is the initial time of every case's clock: a whole number of
// milliseconds but not of seconds, to detect rounding.
var start = time.Date(2031, time.March, 4, 5, 6, 7, 89e6, time.UTC)

// clock is a Config.Now that changes only when a case moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
	max time.Time // the latest value of now
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) millis() driver.Millis { return driver.MillisOf(c.Now()) }

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(c.now.Add(d))
}

func (c *clock) set(m driver.Millis) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(m.Time())
}

func (c *clock) move(t time.Time) {
	c.now = t
	if t.After(c.max) {
		c.max = t
	}
}

// latest returns the latest time that the clock has shown. A record that had
// expired by then may have been removed.
func (c *clock) latest() driver.Millis {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(driver.MillisOf(c.max), driver.MillisOf(c.now))
}
