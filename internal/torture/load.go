//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load generates the requests of a run: workers share a pool of sessions, as tabs
// and devices do, and others let their sessions expire.
type load struct {
	l      *ledger
	cs     *clients
	lists  bool // DestroyOwned works
	slots  []atomic.Pointer[session]
	owners []*owner
	born   atomic.Int64
	prefix string
}

// hot is the number of sessions in the pool that are in constant use by
// concurrent requests.
const hot = 12

func newLoad(l *ledger, cs *clients, st *store, p plan) *load {
	ld := &load{l: l, cs: cs, lists: st.lists, slots: make([]atomic.Pointer[session], p.Sessions), prefix: fmt.Sprintf("%x", p.Seed)}
	for i := range max(1, p.Sessions/4) {
		ld.owners = append(ld.owners, &owner{name: fmt.Sprint("user:", i)})
	}
	return ld
}

// mark returns the name of a new session.
func (ld *load) mark() string { return fmt.Sprint(ld.prefix, "-", ld.born.Add(1)) }

// start starts the clients, which run until stop is closed.
func (ld *load) start(p plan, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	again := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	for i := range p.Workers {
		rng := rand.New(rand.NewPCG(p.Seed, uint64(i)))
		wg.Go(func() {
			for again() {
				ld.step(rng)
			}
		})
	}
	for i := range 1 + p.Workers/8 {
		rng := rand.New(rand.NewPCG(p.Seed, uint64(4000+i)))
		wg.Go(func() {
			for again() {
				switch n := rng.IntN(4); {
				case n == 0:
					ld.signInTwice()
				case n == 1 && ld.lists:
					ld.signOutDevices(rng)
				default:
					ld.useOldID(rng)
				}
			}
		})
	}
	for i := range 1 + p.Workers/8 {
		rng := rand.New(rand.NewPCG(p.Seed, uint64(1000+i)))
		wg.Go(func() {
			for again() {
				ld.expire(rng, stop)
			}
		})
	}
	return &wg
}

// step sends one request.
func (ld *load) step(rng *rand.Rand) {
	switch n := rng.IntN(1000); {
	case n < 25:
		if t := ld.l.deadToken(mostlyRecent(rng)); t != nil {
			ld.cs.do(t.s, t, ld.change(&operation{}, rng, rng.IntN(2)), nil, 0)
			return
		}
	case n < 30:
		ld.forge(rng)
		return
	case n < 70:
		if ld.late(rng) {
			return
		}
	case n < 72:
		if ld.lists {
			ld.destroyOwned(ld.owners[rng.IntN(len(ld.owners))], rng)
			return
		}
	}
	i := rng.IntN(len(ld.slots))
	if rng.IntN(10) < 3 {
		i = rng.IntN(min(hot, len(ld.slots)))
	}
	s := ld.slots[i].Load()
	if s == nil || s.over() {
		ld.create(&ld.slots[i], rng)
		return
	}
	ld.use(&ld.slots[i], s, rng)
}

// mostlyRecent picks one of n, usually one of the last.
func mostlyRecent(rng *rand.Rand) func(int) int {
	return func(n int) int {
		if rng.IntN(2) == 0 {
			return n - 1 - rng.IntN(min(n, 10))
		}
		return rng.IntN(n)
	}
}

// create creates a session in a slot of the pool, sometimes with the cookie of an
// ended one.
func (ld *load) create(slot *atomic.Pointer[session], rng *rand.Rand) {
	o := &operation{Life: create, Mark: ld.mark(), Save: rng.IntN(4) == 0}
	ld.change(o, rng, rng.IntN(3))
	o.Changes = withoutPops(o.Changes)
	var stale *token
	if rng.IntN(5) == 0 {
		stale = ld.l.deadToken(mostlyRecent(rng))
		if stale != nil && stale.s.timeout > 0 {
			stale = nil // with a wrong clock, expired sessions may be live again
		}
	}
	s := ld.l.newSession(o.Mark)
	s.rotates = rng.IntN(4) == 0
	ld.cs.do(s, stale, o, nil, ld.hangUp(rng))
	if !s.over() {
		slot.Store(s)
	}
}

// use sends a request with a session in the pool.
func (ld *load) use(slot *atomic.Pointer[session], s *session, rng *rand.Rand) {
	s.mu.Lock()
	t, own, owned := s.current, s.owner, s.owned
	s.mu.Unlock()
	if t == nil {
		return
	}
	o := &operation{Save: rng.IntN(2) == 0}
	if rng.IntN(16) == 0 {
		o.Pause = 1 + rng.IntN(25)
	}
	switch n := rng.IntN(1000); {
	case n < 300:
		// Only read.
	case n < 800:
		ld.change(o, rng, 1+rng.IntN(3))
	case n < 850:
		ld.change(o, rng, 1+rng.IntN(2))
		o.Manner, o.Save = streaming, false
		o.Late = []change{{Kind: count, N: rng.IntN(counters)}}
	case n < 880:
		ld.change(o, rng, 1+rng.IntN(2))
		o.Manner = panicking
		if rng.IntN(3) == 0 {
			o.Manner = saving
		}
		if rng.IntN(4) == 0 {
			o.Life = renew
			o.Changes = withoutPops(o.Changes)
		}
	case n < 915:
		o.Life = renew
		ld.change(o, rng, rng.IntN(2))
		o.Changes = withoutPops(o.Changes)
	case n < 950:
		if own == nil && ld.lists {
			own = ld.owners[rng.IntN(len(ld.owners))]
			if rng.IntN(3) == 0 {
				ld.repeatSignIn(slot, s, t, own, rng)
				return
			}
			o.Life, o.Owner = signIn, own.name
		}
		ld.change(o, rng, rng.IntN(2))
		o.Changes = withoutPops(o.Changes)
	case n < 956:
		o.Life, o.Save = signOut, false
		o.Blind = rng.IntN(3) == 0
	case n < 960:
		o.Life, o.Mark = invalidate, ld.mark()
		ld.change(o, rng, rng.IntN(2))
		o.Changes = withoutPops(o.Changes)
	case n < 966:
		if own != nil && owned == acked && ld.lists {
			o.Life = signOutOthers
		}
	default:
		o.Changes = []change{{Kind: count, N: rng.IntN(counters)}}
		o.Save = true
	}
	switch {
	case o.Life != stay:
	case s.rotates && rng.IntN(2) == 0:
		o.Rotate = true
	case own != nil && owned == acked && ld.lists:
		o.Devices = rng.IntN(20) == 0
	}
	r := ld.cs.do(s, t, o, own, ld.hangUp(rng))
	if r.status == http.StatusServiceUnavailable || r.outcome == notDone && r.status == 0 {
		// Wait a little after an error page, so that these are not most of the load.
		time.Sleep(time.Duration(5+rng.IntN(20)) * time.Millisecond)
	}
	if o.Life == invalidate {
		if fresh := ld.l.session(o.Mark); !fresh.over() {
			slot.Store(fresh)
		}
	}
}

// change adds n changes, each to a different value.
func (ld *load) change(o *operation, rng *rand.Rand, n int) *operation {
	kinds := []kind{count, count, count, set, set, edit, unset, note, note, take, pop, set}
	used := make(map[string]bool)
	for range n {
		ch := change{Kind: kinds[rng.IntN(len(kinds))], Seq: ld.l.seq(), Size: rng.IntN(200)}
		if rng.IntN(50) == 0 {
			ch.Size = rng.IntN(8000)
		}
		what := "cell"
		switch ch.Kind {
		case count:
			what, ch.N = "count", rng.IntN(counters)
		case note, take:
			what = "notes"
		case pop:
			ch.N = ticket
		default:
			ch.N = rng.IntN(cells)
		}
		if what = fmt.Sprint(what, ch.N); !used[what] {
			used[what] = true
			o.Changes = append(o.Changes, ch)
		}
	}
	return o
}

func withoutPops(changes []change) (kept []change) {
	for _, ch := range changes {
		if ch.Kind != pop {
			kept = append(kept, ch)
		}
	}
	return kept
}

// hangUp returns when the client disconnects, or 0 if it waits for the response.
func (ld *load) hangUp(rng *rand.Rand) time.Duration {
	if rng.IntN(50) > 0 {
		return 0
	}
	return 100*time.Microsecond + time.Duration(rng.ExpFloat64()*float64(4*time.Millisecond))
}

// forge sends a modified token and checks that it opens no session.
func (ld *load) forge(rng *rand.Rand) {
	s := ld.slots[rng.IntN(len(ld.slots))].Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	t := s.current
	s.mu.Unlock()
	if t == nil {
		return
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	forged := []byte(t.value)
	i := rng.IntN(len(forged))
	if c := letters[rng.IntN(len(letters))]; c != forged[i] {
		forged[i] = c
	} else {
		forged = append(forged, c)
	}
	r := ld.cs.send(&operation{}, string(forged), 0, time.Now())
	if r.outcome == committed && (r.reply.Mark != "" || len(r.cookies) > 0) {
		ld.l.add(deadAnswered, "a forged token opened session %s, cookies %v", r.reply.Mark, r.cookies)
	}
}

// expire creates a session with a short timeout, uses it, and requests it again
// after it has expired.
func (ld *load) expire(rng *rand.Rand, stop <-chan struct{}) {
	o := ld.change(&operation{Life: create, Mark: ld.mark(), Timeout: 400 + rng.Int64N(1200)}, rng, 1)
	o.Changes = withoutPops(o.Changes)
	s := ld.l.newSession(o.Mark)
	ld.cs.do(s, nil, o, nil, 0)
	for range rng.IntN(3) {
		if s.over() {
			return
		}
		ld.cs.do(s, s.current, ld.change(&operation{}, rng, rng.IntN(2)), nil, 0)
	}
	if s.over() {
		return
	}
	wait := time.NewTimer(time.Until(s.used.Add(s.timeout)) + time.Duration(1+rng.IntN(50))*time.Millisecond)
	defer wait.Stop()
	select {
	case <-wait.C:
		ld.cs.do(s, s.current, &operation{}, nil, 0)
	case <-stop:
	}
}
