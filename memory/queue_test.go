package memory

import (
	"math/rand/v2"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestQueueKeepsOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var q queue
	var all []*entry
	soon := func() driver.Millis { return driver.Millis(rnd.IntN(50)) }
	for step := range 20_000 {
		switch i := rnd.IntN(max(1, len(all))); {
		case len(all) == 0 || rnd.IntN(3) == 0 && len(all) < 200:
			e := &entry{expires: soon()}
			q.push(e)
			all = append(all, e)
		case rnd.IntN(2) == 0:
			all[i].expires = soon()
			q.advance(all[i])
		default:
			q.remove(all[i])
			all = append(all[:i], all[i+1:]...)
		}
		if len(q) != len(all) {
			t.Fatalf("step %d: %d queued of %d", step, len(q), len(all))
		}
		for i, x := range q {
			if x.e.heapIndex != int32(i) || x.due > x.e.expires || i > 0 && q[(i-1)/2].due > x.due {
				t.Fatalf("step %d: index %d has %+v, whose index is %d and expiry %d", step, i, x, x.e.heapIndex, x.e.expires)
			}
		}
	}
	for last := driver.Millis(-1); len(q) > 0; {
		if q[0].due < q[0].e.expires {
			q.postpone()
			continue
		}
		if q[0].due < last {
			t.Fatalf("%d comes after %d", q[0].due, last)
		}
		last = q[0].due
		q.remove(q[0].e)
	}
}
