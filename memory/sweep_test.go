package memory

import (
	"errors"
	"sync"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestSweepRemovesOnlyExpired(t *testing.T) {
	s, c := open(t, Options{})
	const n = 1000 // several batches in each shard that is used
	for i := range n {
		save(t, s, driver.Key{byte(i >> 8), byte(i), 31: byte(i % 8)}, 0, until(2000+driver.Millis(i)))
	}
	c.now = 2000 + n/2 - 1
	if removed, err := s.Sweep(t.Context()); removed != n/2 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	if held(s) != n/2 {
		t.Errorf("%d held", held(s))
	}
	if removed, err := s.Sweep(t.Context()); removed != 0 || err != nil {
		t.Errorf("a second sweep removed %d, %v", removed, err)
	}
}

// A shard is locked for one batch, whether its entries are removed or postponed.
func TestSweepLocksAShardForOneBatch(t *testing.T) {
	s, c := open(t, Options{})
	for i := range 3 * batch {
		save(t, s, driver.Key{byte(i)}, 0, until(2000+driver.Millis(i)))
	}
	for i := range batch {
		if err := s.Touch(t.Context(), driver.Key{byte(i)}, until(9000)); err != nil {
			t.Fatal(err)
		}
	}
	c.now = 3000
	for round, want := range []struct {
		removed int
		more    bool
	}{{0, true}, {batch, true}, {batch, true}, {0, false}} {
		removed, more, err := s.shards[0].expire(c.now)
		if removed != want.removed || more != want.more || err != nil {
			t.Errorf("round %d: %d removed, more %v, %v", round, removed, more, err)
		}
	}
}

func TestRefreshedSessionStays(t *testing.T) {
	s, c := open(t, Options{})
	save(t, s, driver.Key{1}, 0, until(2000))
	save(t, s, driver.Key{2}, 0, until(2000))
	if err := s.Touch(t.Context(), driver.Key{1}, until(3000)); err != nil {
		t.Fatal(err)
	}
	save(t, s, driver.Key{2}, 1, driver.Record{Version: 2, Expires: 3000})
	c.now = 2500
	if n, _ := s.Sweep(t.Context()); n != 0 {
		t.Errorf("%d removed, want none: both were refreshed", n)
	}
	// An expiry may also become earlier.
	if err := s.Touch(t.Context(), driver.Key{1}, until(2600)); err != nil {
		t.Fatal(err)
	}
	c.now = 2600
	if n, _ := s.Sweep(t.Context()); n != 1 {
		t.Errorf("%d removed, want the one that now expires earlier", n)
	}
}

// No live session is lost while others are created, removed and swept.
func TestSweepDuringTraffic(t *testing.T) {
	s, _ := open(t, Options{MaxSessions: 1 << 20})
	ctx := t.Context()
	stay := make([]driver.Key, 64)
	for i := range stay {
		stay[i] = driver.Key{1, byte(i), 31: byte(i % 4)}
		save(t, s, stay[i], 0, driver.Record{Version: 1, Expires: 2000, Owner: "stays"})
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				key := driver.Key{2, byte(w), byte(i), 31: byte(i % 4)}
				if err := s.Save(ctx, key, 0, driver.Record{Version: 1, Expires: 900 + driver.Millis(i%2)*500, Owner: "goes"}); err != nil &&
					!errors.Is(err, driver.ErrConflict) {
					t.Error(err)
				}
				if i%7 == 0 {
					s.Sweep(ctx)
				}
				if _, err := s.Load(ctx, stay[i%len(stay)]); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					seen := map[driver.Key]int{}
					for e, err := range s.Owned(ctx, "stays") {
						if err != nil {
							t.Error(err)
						}
						seen[e.Key]++
					}
					for _, key := range stay {
						if seen[key] != 1 {
							t.Errorf("%v listed %d times", key, seen[key])
						}
					}
				}
			}
		})
	}
	wg.Wait()
}
