//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/pump-go/sessions/internal/servers"
)

// fault is something that goes wrong, for a while.
type fault struct {
	name    string
	weight  int  // how often it strikes, beside the others of its kind
	backend bool // the store itself is in the way
	clock   bool // a clock is wrong
	keeps   bool // nothing can be removed; the store may try again much later
	strike  func(r *run, rng *rand.Rand) error
}

// hold is how long a fault lasts: mostly briefly, and if the plan wants that now
// and then longer than a store call may take.
func (r *run) hold(rng *rand.Rand) time.Duration {
	if r.plan.Outlast && rng.IntN(6) == 0 {
		return r.plan.StoreTimeout + time.Duration(rng.IntN(1000))*time.Millisecond
	}
	return time.Duration(50+rng.IntN(500)) * time.Millisecond
}

// anySlot is one of the server processes' places.
func (r *run) anySlot(rng *rand.Rand) *slot { return r.fleet.slots[rng.IntN(len(r.fleet.slots))] }

// ofProcesses are the faults of server processes, wherever they keep sessions.
var ofProcesses = []fault{
	killed,
	{name: "redeployed", weight: 3, strike: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).deploy() }},
	{name: "server process stopped and continued", weight: 3, backend: true, // it may hold a lock
		strike: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).stop(r.hold(rng)) }},
	wrongClock,
	swept,
}

// ofOneProcess are those of a process that keeps the sessions itself.
var ofOneProcess = []fault{
	{name: "server process stopped and continued", weight: 4, backend: true,
		strike: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).stop(r.hold(rng)) }},
	switchedOff,
	{name: "server process killed, sessions lost", weight: 1, strike: func(r *run, rng *rand.Rand) error {
		return r.backend.forgetting.forget("", r.anySlot(rng).kill)
	}},
	wrongClock,
	swept,
}

var switchedOff = fault{name: "store switched off", weight: 8, backend: true, strike: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).during("down", 1, 0, r.hold(rng))
}}

var killed = fault{name: "server process killed", weight: 6, strike: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).kill()
}}

// wrongClock sets a process's clock back or forward, by less than what is left
// of any session's timeout.
var wrongClock = fault{name: "clock wrong", weight: 2, clock: true, strike: func(r *run, rng *rand.Rand) error {
	const most = int64(3 * time.Minute / time.Millisecond)
	return r.anySlot(rng).during("clock", rng.Int64N(2*most)-most, 0, r.hold(rng))
}}

// swept is no fault, and not counted as one, but comes at the same times.
var swept = fault{name: sweep, weight: 1, strike: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).control("sweep", 0, nil)
}}

const sweep = "sweep"

// noRoom is a disk that is full for one process.
var noRoom = fault{name: "no file may grow in a process", weight: 2, backend: true, strike: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).during("room", rng.Int64N(2000), -1, r.hold(rng))
}}

var fullDisk = fault{name: "disk full", weight: 3, backend: true, strike: func(r *run, rng *rand.Rand) error {
	return r.backend.disk.fill(r.hold(rng))
}}

var readOnly = fault{name: "directory read-only", weight: 2, backend: true, keeps: true, strike: func(r *run, rng *rand.Rand) error {
	return r.backend.disk.protect(r.hold(rng))
}}

// ofServer are the faults of a server that keeps the sessions.
func ofServer(s *servers.Server, forgets bool) []fault {
	gone := func(r *run, end func()) error {
		again := func() error {
			end()
			return startAgain(s)
		}
		if !forgets {
			return again()
		}
		return r.backend.forgetting.forget(s.Addr, again)
	}
	return []fault{
		{name: "backend restarted", weight: 3, backend: true, strike: func(r *run, _ *rand.Rand) error { return gone(r, s.Stop) }},
		{name: "backend killed", weight: 2, backend: true, strike: func(r *run, _ *rand.Rand) error { return gone(r, s.Kill) }},
		{name: "backend hangs", weight: 4, backend: true, strike: func(r *run, rng *rand.Rand) error {
			pids := s.Pids()
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGSTOP) // one that has ended meanwhile hangs well enough
			}
			time.Sleep(r.hold(rng))
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
			return nil
		}},
	}
}

// startAgain starts a server that was killed. What is left of it may be in the
// way for a moment.
func startAgain(s *servers.Server) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := s.Start()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// during has a process set something to a number for a while.
func (s *slot) during(what string, n, usual int64, hold time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.order(what, n, nil); err != nil {
		return err
	}
	time.Sleep(hold)
	return s.order(what, usual, nil)
}

// forgetting is what is known of a backend that forgets.
type forgetting struct {
	l  *ledger
	of func(id string) string // where the session of the id is kept

	mu sync.Mutex
	at map[string]tick
}

// forget notes that all that is kept in a place is lost in the course of f.
func (m *forgetting) forget(place string, f func() error) error {
	m.set(place, forever)
	err := f()
	m.set(place, m.l.tick())
	return err
}

func (m *forgetting) set(place string, at tick) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[place] = at
}

// forgot is when the session of the id may have been forgotten last.
func (m *forgetting) forgot(id string) tick {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[m.of(id)]
}

// storm has faults of one list strike, one after the other, until stop is
// closed.
func (r *run) storm(faults []fault, every time.Duration, rng *rand.Rand, stop <-chan struct{}) {
	total := 0
	for _, f := range faults {
		total += f.weight
	}
	for {
		pause := time.NewTimer(every/2 + time.Duration(rng.Int64N(int64(every))))
		select {
		case <-stop:
			pause.Stop()
			return
		case <-pause.C:
		}
		n := rng.IntN(total)
		for _, f := range faults {
			if n -= f.weight; n >= 0 {
				continue
			}
			if f.name == sweep {
				if r.store.sweeps {
					r.sweeps.Add(1)
				}
				_ = f.strike(r, rng) // it may meet a fault; at the end it has to succeed
				break
			}
			end := r.weather.begin(f)
			if err := f.strike(r, rng); err != nil {
				r.ledger.add(died, "%s: %v", f.name, err)
			}
			end()
			break
		}
	}
}
