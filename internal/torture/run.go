//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// plan says how a run is done.
type plan struct {
	Seed     uint64
	Calm     time.Duration // at first, without faults: then every error is a violation
	Storm    time.Duration // with them
	Workers  int           // requests at a time, about
	Sessions int           // alive at a time
	// Faults of processes and of the backend come that often.
	ProcessFaults, BackendFaults time.Duration
	StoreTimeout                 time.Duration
	Outlast                      bool   // some faults last longer than that
	Faults                       string // only those that match, if not empty
	Broken                       string // in tests of the checker
	Until                        breach // stop when one of these was found
}

// run is one store under torture.
type run struct {
	plan    plan
	store   *store
	weather *weather
	ledger  *ledger
	backend *backend
	fleet   *fleet
	clients *clients
	load    *load
	sweeps  atomic.Int64
	began   time.Time
}

// torture runs the plan on the store. An error is about the run itself; what
// the checker found is in the result.
func torture(st *store, p plan) (*result, error) {
	r := &run{plan: p, store: st, weather: newWeather(), began: time.Now()}
	var err error
	r.ledger = newLedger(r.weather)
	if r.backend, err = st.start(r.ledger); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	defer r.backend.stop()
	if f := r.backend.forgetting; f != nil {
		r.ledger.forgot = f.forgot
	}
	c := r.backend.setup
	c.Broken, c.StoreTimeout = p.Broken, p.StoreTimeout
	if r.fleet, err = startFleet(c, st.processes, r.weather, r.ledger.violations); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	defer r.fleet.kill()
	r.clients = newClients(r.ledger, r.fleet, p.Workers)
	r.fleet.leave = r.clients.http.CloseIdleConnections
	r.load = newLoad(r.ledger, r.clients, st, p)

	stop := make(chan struct{})
	working := r.load.start(p, stop)
	r.wait(p.Calm)
	r.storms()
	r.wait(min(p.Storm, time.Second)) // the first moments after the last fault
	close(stop)
	working.Wait()
	if err := r.audit(); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	return r.result(), nil
}

// wait waits for the time, or until what is looked for was found.
func (r *run) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end) && !r.found(); {
		time.Sleep(min(50*time.Millisecond, time.Until(end)))
	}
}

func (r *run) found() bool { return r.plan.Until != "" && r.ledger.of(r.plan.Until) > 0 }

// storms has the faults strike for their time, those of processes and those of
// the backend apart.
func (r *run) storms() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, list := range [][]fault{r.backend.processes, r.backend.own} {
		if list = r.wanted(list); len(list) == 0 {
			continue
		}
		every := []time.Duration{r.plan.ProcessFaults, r.plan.BackendFaults}[i]
		rng := rand.New(rand.NewPCG(r.plan.Seed, uint64(2000+i)))
		wg.Go(func() { r.storm(list, every, rng, stop) })
	}
	r.wait(r.plan.Storm)
	close(stop)
	wg.Wait()
}

// wanted are those of the faults that the plan wants.
func (r *run) wanted(list []fault) (some []fault) {
	only := regexp.MustCompile(r.plan.Faults)
	for _, f := range list {
		if only.MatchString(f.name) {
			some = append(some, f)
		}
	}
	return some
}

// audit proves, when all is quiet, what every session holds, what the store
// lists, what is left of the expired, and what the processes give back.
func (r *run) audit() error {
	if err := r.recover(); err != nil {
		return err
	}
	r.readAll()
	if r.store.lists {
		if err := r.listAll(); err != nil {
			return err
		}
	}
	if r.store.sweeps {
		r.sweepLast()
	}
	if err := r.fleet.retireAll(); err != nil {
		return err
	}
	if r.backend.raw == nil {
		return nil
	}
	return r.rawAll()
}

// recover waits until all processes reach the store again, which they have to.
func (r *run) recover() error {
	deadline := time.Now().Add(time.Minute)
	for _, s := range r.fleet.slots {
		for {
			s.mu.Lock()
			err := s.order("reach", 0, nil)
			s.mu.Unlock()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return errors.New("the store does not recover: " + err.Error())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}
