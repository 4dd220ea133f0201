package sessionstest

import (
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// Harness is what Run tests.
type Harness struct {
	// Driver opens the store under test. The Config it gets is the one that
	// Config returned, with Now, Logger, SweepInterval and, in some cases,
	// Namespace set by the case.
	Driver driver.Driver
	// Config returns where a fresh, empty backend is: a URL, a DataDir. Each
	// case calls it once, with its own testing.TB, to make directories and
	// start servers with. Cases about Open change it: to a URL that is at
	// fault, and where DataDir is a directory, to none, and to one below it
	// that is not there. Cases about namespaces add to its Namespace, which has 48
	// characters at most. Nil: the zero Config.
	Config func(t testing.TB) driver.Config
	// Cannot declares what the backend cannot do, and why. The reason is shown
	// where a case is skipped for it.
	Cannot map[Ability]string
	// MaxData is the documented limit of a record's Data in bytes, whatever
	// its Owner: Save must take that much, and refuse more with ErrTooLarge.
	// 0: at least 1 MiB must be accepted, and no limit is tested.
	MaxData int
	// Damage spoils the record stored at key behind the store's back, while a
	// store is open with cfg: it changes some bytes of that record, and of no
	// other, so that it cannot be read whole: in a file, a column, a value. Where
	// Cannot declares Share, the store is closed meanwhile, since the backend may
	// be locked while it is open. Nil: the cases about damage are skipped.
	Damage func(cfg driver.Config, key driver.Key) error
	// Newer makes of the record stored at key one that a newer version of the
	// store wrote, under the same terms as Damage: a format number one higher,
	// with everything else in order. NewerRecord helps stores that use
	// driver.AppendRecord. Nil: the cases about it are skipped.
	Newer func(cfg driver.Config, key driver.Key) error
	// Timeout ends a case that hangs. 0: 30 seconds. After three of those, Run
	// gives up.
	Timeout time.Duration
}

// Run tests the store against every rule of package driver, each case as a
// subtest. A failure says what happened, and then the rule that it broke; of
// the many ways in which one case sees the same rule broken, it shows a few.
//
// Use Run once in a test or subtest: a second process is told by the test's
// name which Run it works for.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Driver == nil {
		t.Fatal("sessionstest: the Harness has no Driver")
	}
	if err := checkCannot(h.Cannot); err != nil {
		t.Fatal(err)
	}
	serveIfAsked(t, h)
	s := newSuite(h, t.Name())
	for i, c := range cases {
		if s.hung.Load() == mostHung {
			t.Errorf("%d cases hung, for %v each: the other %d, from %s on, were not run", mostHung, s.timeout, len(cases)-i, c.name)
			return
		}
		t.Run(c.name, func(t *testing.T) {
			v := s.run(t, c)
			for _, r := range report(v.failures) {
				t.Error(r)
			}
			switch {
			case len(v.failures) == 0 && v.skipped != "":
				t.Skip(v.skipped)
			case len(v.failures) > 0 && v.log != "":
				t.Log("the store logged:\n" + v.log)
			}
		})
	}
}
