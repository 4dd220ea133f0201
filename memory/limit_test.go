package memory

import (
	"errors"
	"sync"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestFullStore(t *testing.T) {
	s, c := open(t, Options{MaxSessions: 2})
	save(t, s, driver.Key{1}, 0, until(2000))
	save(t, s, driver.Key{2}, 0, until(3000))
	wantErr(t, "a third session", s.Save(t.Context(), driver.Key{3}, 0, until(9000)), ErrFull)

	// Existing sessions keep working.
	save(t, s, driver.Key{1}, 1, until(2500))
	wantErr(t, "touch", s.Touch(t.Context(), driver.Key{2}, until(3500)), nil)
	wantErr(t, "a taken key", s.Save(t.Context(), driver.Key{1}, 0, until(9000)), driver.ErrConflict)

	// Expired and deleted sessions make room.
	c.now = 2500
	save(t, s, driver.Key{3}, 0, until(9000))
	wantErr(t, "full again", s.Save(t.Context(), driver.Key{4}, 0, until(9000)), ErrFull)
	wantErr(t, "delete", s.Delete(t.Context(), driver.Key{3}, 1), nil)
	save(t, s, driver.Key{4}, 0, until(9000))

	// A session that replaces an expired one at the same key is not counted twice.
	c.now = 3500
	save(t, s, driver.Key{2}, 0, until(9000))
	wantErr(t, "still full", s.Save(t.Context(), driver.Key{5}, 0, until(9000)), ErrFull)

	c.now = 9000
	if n, err := s.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	save(t, s, driver.Key{6}, 0, until(9999))
	save(t, s, driver.Key{7}, 0, until(9999))
}

func TestLimitHoldsUnderContention(t *testing.T) {
	const limit = 100
	s, _ := open(t, Options{MaxSessions: limit})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 2 * limit {
				err := s.Save(t.Context(), driver.Key{byte(w), byte(i), 31: byte(i)}, 0, until(2000))
				if err != nil && !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				if i%5 == 0 {
					s.Delete(t.Context(), driver.Key{byte(w), byte(i), 31: byte(i)}, 1)
				}
				if n := s.count.Load(); n < 0 {
					t.Errorf("count %d", n)
				}
			}
		})
	}
	wg.Wait()
	if held(s) != limit || s.count.Load() != limit {
		t.Errorf("%d held, %d counted, want %d", held(s), s.count.Load(), limit)
	}
}
