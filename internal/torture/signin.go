//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// repeatSignIn sends the same sign-in twice: in parallel, as a double click does, or
// again after the client has disconnected, and then perhaps a third time with the
// old cookie, which must not be refused.
func (ld *load) repeatSignIn(slot *atomic.Pointer[session], s *session, t *token, own *owner, rng *rand.Rand) {
	ld.l.tally.doubleSignIns.Add(1)
	signIn := func(hangUp time.Duration) *session {
		o := &operation{Life: signIn, Owner: own.name, Begin: ld.mark(), Save: hangUp%2 == 0}
		begin := o.Begin
		ld.cs.do(s, t, o, own, hangUp)
		return ld.l.session(begin)
	}
	soon := 100*time.Microsecond + time.Duration(rng.ExpFloat64()*float64(4*time.Millisecond))
	if rng.IntN(2) == 0 {
		var wg sync.WaitGroup
		wg.Go(func() { signIn(0) })
		signIn(0)
		wg.Wait()
	} else {
		signIn(soon)
		signIn(0)
	}
	if rng.IntN(2) == 0 {
		if other := signIn(0); other != nil && !other.over() {
			slot.Store(other)
		}
	}
}
