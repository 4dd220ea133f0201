package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// sweepable tells that the store removes by itself what has expired, and tells
// how much it was.
func (a *app) sweepable() bool {
	_, ok := a.kept.(driver.Sweeper)
	return ok
}

func (a *app) sweep(want int) {
	a.t.Helper()
	if !a.sweepable() {
		return
	}
	if n, err := a.m.Sweep(a.t.Context()); n != want || err != nil {
		a.t.Errorf("Sweep removed %d, %v; want %d", n, err, want)
	}
}

func TestClockThatIsSetBackAnHour(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		used, unused := a.signedIn(), a.signedIn()
		a.clock.advance(-time.Hour)
		a.sweep(0)
		equal(t, "user", used.user(), "ann")
		newer := a.signedIn()
		a.clock.advance(2 * time.Hour) // two hours of silence for those used since
		used.isAnonymous("a session that was used after the clock was set")
		newer.isAnonymous("a session that began after the clock was set")
		equal(t, "user of one that was used before", unused.copied().user(), "ann") // it has an hour more
		a.clock.advance(2 * time.Hour)
		unused.isAnonymous("and then it is over")
		a.sweep(3)
		a.wantRecords(0)
	})
}

func TestClockThatRunsAYearAhead(t *testing.T) {
	const year = 365 * 24 * time.Hour
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		old := a.signedIn()
		a.clock.advance(year)
		old.isAnonymous("a session of a year ago")
		a.sweep(1)
		c, unused := a.signedIn(), a.signedIn()
		c.do(increment)
		a.clock.advance(-year) // and is set right
		a.sweep(0)
		for range 3 {
			c.do(increment)
		}
		c.do(func(s *sessions.Session) { equal(t, "count", s.Get("count"), any(int64(4))) })
		a.clock.advance(time.Hour)
		equal(t, "user within the timeout", c.user(), "ann")
		a.clock.advance(2 * time.Hour)
		c.isAnonymous("a session from the future, after the timeout")
		a.sweep(1)
		a.clock.advance(year)
		unused.isAnonymous("one that nobody used, after the future has come")
		a.sweep(1)
		a.wantRecords(0)
	})
}

// Records that another process stamped whose clock is wrong, and clocks of
// several machines that differ by a little.
func TestRecordsStampedInTheFuture(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		for ahead, writes := range map[time.Duration]int{time.Second: 0, 30 * time.Second: 0, 10 * time.Minute: 1, 9 * time.Hour: 1} {
			a.clock.advance(ahead)
			c := a.signedIn()
			a.clock.advance(-ahead)
			a.calls.since()
			c.do(func(s *sessions.Session) {
				equal(t, "user", s.Get("user"), any("ann"))
				equal(t, "IsNew", s.IsNew(), false)
			})
			equal(t, "writes of a reader whose clock is "+ahead.String()+" behind", a.calls.since("Touch", "Seal"), writes)
			a.clock.advance(time.Hour + ahead)
			c.isAnonymous("an hour and " + ahead.String() + " later")
		}
	})
}
