//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/pump-go/sessions/internal/servers"
)

// fault is a temporary failure that can be injected.
type fault struct {
	name          string
	weight        int  // its relative frequency
	backend       bool // it affects the store
	clock         bool // it makes a clock wrong
	blocksRemoval bool // records cannot be removed, and the store may retry much later
	inject        func(r *run, rng *rand.Rand) error
}

// faultDuration returns the duration of a fault: usually short, and sometimes
// longer than StoreTimeout if the plan has Outlast.
func (r *run) faultDuration(rng *rand.Rand) time.Duration {
	if r.plan.Outlast && rng.IntN(6) == 0 {
		return r.plan.StoreTimeout + time.Duration(rng.IntN(1000))*time.Millisecond
	}
	return time.Duration(50+rng.IntN(500)) * time.Millisecond
}

// anySlot returns a random slot.
func (r *run) anySlot(rng *rand.Rand) *slot { return r.fleet.slots[rng.IntN(len(r.fleet.slots))] }

// processFaults are the faults of server processes that share a backend.
var processFaults = []fault{
	killed,
	{name: "redeployed", weight: 3, inject: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).deploy() }},
	{name: "server process stopped and continued", weight: 3, backend: true, // it may hold a lock
		inject: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).stop(r.faultDuration(rng)) }},
	wrongClock,
	swept,
}

// singleProcessFaults are the faults of a process that keeps the sessions itself.
var singleProcessFaults = []fault{
	{name: "server process stopped and continued", weight: 4, backend: true,
		inject: func(r *run, rng *rand.Rand) error { return r.anySlot(rng).stop(r.faultDuration(rng)) }},
	switchedOff,
	{name: "server process killed, sessions lost", weight: 1, inject: func(r *run, rng *rand.Rand) error {
		return r.backend.dataLoss.record("", r.anySlot(rng).kill)
	}},
	wrongClock,
	swept,
}

var switchedOff = fault{name: "store switched off", weight: 8, backend: true, inject: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).during("down", 1, 0, r.faultDuration(rng))
}}

var killed = fault{name: "server process killed", weight: 6, inject: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).kill()
}}

// wrongClock sets a process's clock back or forward, by less than the remaining
// time of any session in the pool.
var wrongClock = fault{name: "clock wrong", weight: 2, clock: true, inject: func(r *run, rng *rand.Rand) error {
	const most = int64(3 * time.Minute / time.Millisecond)
	return r.anySlot(rng).during("clock", rng.Int64N(2*most)-most, 0, r.faultDuration(rng))
}}

// swept is not a fault and not counted as one, but is scheduled like one.
var swept = fault{name: sweep, weight: 1, inject: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).control("sweep", 0, nil)
}}

const sweep = "sweep"

// limitedFiles limits the file size of one process, as a full disk would.
var limitedFiles = fault{name: "file size limited in a process", weight: 2, backend: true, inject: func(r *run, rng *rand.Rand) error {
	return r.anySlot(rng).during("filesize", rng.Int64N(2000), -1, r.faultDuration(rng))
}}

var fullDisk = fault{name: "disk full", weight: 3, backend: true, inject: func(r *run, rng *rand.Rand) error {
	return r.backend.disk.fill(r.faultDuration(rng))
}}

var readOnly = fault{name: "directory read-only", weight: 2, backend: true, blocksRemoval: true, inject: func(r *run, rng *rand.Rand) error {
	return r.backend.disk.protect(r.faultDuration(rng))
}}

// serverFaults returns the faults of a server that keeps the sessions. forgets
// reports whether it loses them when it stops.
func serverFaults(s *servers.Server, forgets bool) []fault {
	gone := func(r *run, end func()) error {
		again := func() error {
			end()
			return startAgain(s)
		}
		if !forgets {
			return again()
		}
		return r.backend.dataLoss.record(s.Addr, again)
	}
	return []fault{
		{name: "backend restarted", weight: 3, backend: true, inject: func(r *run, _ *rand.Rand) error { return gone(r, s.Stop) }},
		{name: "backend killed", weight: 2, backend: true, inject: func(r *run, _ *rand.Rand) error { return gone(r, s.Kill) }},
		{name: "backend hangs", weight: 4, backend: true, inject: func(r *run, rng *rand.Rand) error {
			pids := s.Pids()
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGSTOP) // it may have exited
			}
			time.Sleep(r.faultDuration(rng))
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
			return nil
		}},
	}
}

// startAgain starts a server after its end. It retries, since the old process's
// port or lock may still be in use for a moment.
func startAgain(s *servers.Server) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := s.Start()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// during sends a process a control command with n, and with usual after hold.
func (s *slot) during(what string, n, usual int64, hold time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.controlLocked(what, n, nil); err != nil {
		return err
	}
	time.Sleep(hold)
	return s.controlLocked(what, usual, nil)
}

// dataLoss records when a backend lost its data.
type dataLoss struct {
	l      *ledger
	locate func(id string) string // returns the server that keeps the session with the public ID

	mu sync.Mutex
	at map[string]tick
}

// record calls f, during which the data of the server is lost.
func (m *dataLoss) record(server string, f func() error) error {
	m.set(server, forever)
	err := f()
	m.set(server, m.l.tick())
	return err
}

func (m *dataLoss) set(server string, at tick) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[server] = at
}

// lastLoss returns when the session with the ID may last have been lost.
func (m *dataLoss) lastLoss(id string) tick {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[m.locate(id)]
}

// anyLoss returns when any session may last have been lost.
func (m *dataLoss) anyLoss() (last tick) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range m.at {
		last = max(last, at)
	}
	return last
}

// injectFaults injects random faults of a list, one after the other, until stop
// is closed.
func (r *run) injectFaults(faults []fault, every time.Duration, rng *rand.Rand, stop <-chan struct{}) {
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
				_ = f.inject(r, rng) // may fail during a fault; the audit's sweep must succeed
				break
			}
			end := r.timeline.begin(f)
			if err := f.inject(r, rng); err != nil {
				r.ledger.add(died, "%s: %v", f.name, err)
			}
			end()
			break
		}
	}
}
