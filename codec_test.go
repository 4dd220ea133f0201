package sessions_test

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A zone may be off by seconds, as Amsterdam's was until 1937. The time is the
// same when it comes back, and its zone as it was if that can be told.
func TestATimeIsTheSameInAnyZone(t *testing.T) {
	const (
		value   sessions.Key[time.Time]   = "value"
		pointer sessions.Key[*time.Time]  = "pointer"
		queue   sessions.Flash[time.Time] = "queue"
		missing sessions.Key[*time.Time]  = "nil"
	)
	for name, offset := range map[string]int{"seconds": 19*60 + 32, "seconds west": -(4*3600 + 56*60 + 2), "minutes": 19 * 60, "UTC": 0} {
		t.Run(name, func(t *testing.T) {
			when := time.Date(1930, 5, 6, 7, 8, 9, 10, time.FixedZone("local", offset))
			want := offset
			if offset%60 != 0 {
				want = 0
			}
			same := func(what string, got time.Time) {
				t.Helper()
				if _, offset := got.Zone(); !got.Equal(when) || offset != want {
					t.Errorf("%s: %v came back as %v", what, when, got)
				}
			}
			a := testapp.New(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) {
				value.Set(s, when)
				pointer.Set(s, &when)
				queue.Add(s, when)
				missing.Set(s, nil)
			})
			before := a.Store.Record(t).Record.Version
			c.OK(func(s *sessions.Session) {
				got, _ := value.Get(s)
				same("value", got)
				at, _ := pointer.Get(s)
				same("pointer", *at)
				same("flash", queue.Peek(s)[0])
				at, ok := missing.Get(s)
				testapp.Equal(t, "nil", at, nil)
				testapp.Equal(t, "nil is there", ok, true)
			})
			testapp.Equal(t, "version after the reads", a.Store.Record(t).Record.Version, before)
		})
	}
}
