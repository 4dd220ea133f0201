package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// sweep calls Sweep, if the store supports it, and checks the number of removed
// records.
func sweep(a *testapp.App, want int) {
	a.T.Helper()
	if _, ok := a.Store.Inner().(driver.Sweeper); !ok {
		return
	}
	if n, err := a.Manager.Sweep(a.T.Context()); n != want || err != nil {
		a.T.Errorf("Sweep: got %d, %v; want %d", n, err, want)
	}
}

func TestClockSetBackAnHour(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		used, unused := a.SignedIn(), a.SignedIn()
		a.Clock.Advance(-time.Hour)
		sweep(a, 0)
		testapp.Equal(t, "user", used.User(), "ann")
		newer := a.SignedIn()
		a.Clock.Advance(2 * time.Hour) // two hours without use for those used since
		used.IsAnonymous("a session that was used after the clock was set")
		newer.IsAnonymous("a session that began after the clock was set")
		testapp.Equal(t, "user of one that was used before", unused.Copy().User(), "ann") // it has one more hour
		a.Clock.Advance(2 * time.Hour)
		unused.IsAnonymous("and then it is over")
		sweep(a, 3)
		a.WantRecords(0)
	})
}

func TestClockAYearAhead(t *testing.T) {
	const year = 365 * 24 * time.Hour
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		old := a.SignedIn()
		a.Clock.Advance(year)
		old.IsAnonymous("a session of a year ago")
		sweep(a, 1)
		c, unused := a.SignedIn(), a.SignedIn()
		c.OK(testapp.Increment)
		a.Clock.Advance(-year) // the clock is corrected
		sweep(a, 0)
		for range 3 {
			c.OK(testapp.Increment)
		}
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "count", s.Get("count"), any(int64(4))) })
		a.Clock.Advance(time.Hour)
		testapp.Equal(t, "user within the timeout", c.User(), "ann")
		a.Clock.Advance(2 * time.Hour)
		c.IsAnonymous("a session from the future, after the timeout")
		sweep(a, 1)
		a.Clock.Advance(year)
		unused.IsAnonymous("one that nobody used, after the future has come")
		sweep(a, 1)
		a.WantRecords(0)
	})
}

// Records written by a process with a wrong clock, or by machines whose clocks differ
// slightly.
func TestRecordsStampedInTheFuture(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		for ahead, writes := range map[time.Duration]int{time.Second: 0, 30 * time.Second: 0, 10 * time.Minute: 1, 9 * time.Hour: 1} {
			a.Clock.Advance(ahead)
			c := a.SignedIn()
			a.Clock.Advance(-ahead)
			a.Store.Since()
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "user", s.Get("user"), any("ann"))
				testapp.Equal(t, "IsNew", s.IsNew(), false)
			})
			testapp.Equal(t, "writes of a reader whose clock is "+ahead.String()+" behind", a.Store.Since("Touch", "Seal"), writes)
			a.Clock.Advance(time.Hour + ahead)
			c.IsAnonymous("an hour and " + ahead.String() + " later")
		}
	})
}
