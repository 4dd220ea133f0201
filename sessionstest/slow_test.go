package sessionstest

import (
	"testing"
	"time"
)

// A slow store passes with fewer rounds, and concurrent cases do not report each
// other's goroutines.
func TestSlowStore(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	s := newSuite(brokenHarness(func(_ *faulty, m *mapStore) {
		do := m.do
		m.do = func(f func(mapRecords) error) error {
			time.Sleep(2 * time.Millisecond)
			return do(f)
		}
	}), t.Name())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range s.run(t, c).failures {
				t.Error(f)
			}
		})
	}
}
