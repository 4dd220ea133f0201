package sessionstest

import (
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// Harness is what Run tests.
type Harness struct {
	// Driver opens the store under test. It is passed the result of Config, with
	// Now, Logger, SweepInterval and, in some cases, Namespace set by the case.
	Driver driver.Driver
	// Config returns the location of an empty backend: a URL or a DataDir. Each
	// case calls it once, with its own testing.TB, which it can use to create
	// directories and start servers. The cases about Open try invalid
	// URLs. If DataDir is set, they also try an empty DataDir and a subdirectory that
	// does not exist. Cases about namespaces append to Namespace, which may have up to
	// 48 characters. If Config is nil, the zero driver.Config is used.
	Config func(t testing.TB) driver.Config
	// Cannot declares what the backend cannot do, and why. Skipped cases show the
	// reason.
	Cannot map[Ability]string
	// MaxData is the documented limit of a record's Data in bytes, with any Owner:
	// Save must accept that much, and return ErrTooLarge for more. If 0, Save must
	// accept at least 1 MiB, and no limit is tested.
	MaxData int
	// Damage makes the record stored at key unreadable, bypassing the store: it
	// changes some bytes of that record and of no other, in a file, a column or a
	// value. A store is open with cfg meanwhile, unless Cannot lists Share. If
	// Damage is nil, the cases about damage are skipped.
	Damage func(cfg driver.Config, key driver.Key) error
	// Newer replaces the record stored at key with one that a newer version of the
	// store could have written: with a higher format number and otherwise intact.
	// It is called like Damage. NewerRecord helps stores that use
	// driver.AppendRecord. If nil, the cases about newer formats are skipped.
	Newer func(cfg driver.Config, key driver.Key) error
	// Timeout ends a case that hangs. The default is 30 seconds. After three such
	// cases Run stops.
	Timeout time.Duration
}

// Run tests the store against every rule of package driver, each case as a
// subtest. A failure says what happened and which rule it breaks. If a case has
// many failures for one rule, only the first few are shown.
//
// Call Run at most once in a test or subtest: a second process finds its Run by
// the test's name.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Driver == nil {
		t.Fatal("sessionstest: the Harness has no Driver")
	}
	if err := checkCannot(h.Cannot); err != nil {
		t.Fatal(err)
	}
	serveSecondProcess(t, h)
	s := newSuite(h, t.Name())
	for i, c := range cases {
		if s.hung.Load() == maxHung {
			t.Errorf("%d cases hung, for %v each; the other %d, from %s on, were not run", maxHung, s.timeout, len(cases)-i, c.name)
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
