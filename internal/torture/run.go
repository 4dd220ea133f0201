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

// plan configures a run.
type plan struct {
	Seed      uint64
	FaultFree time.Duration // the first part, without faults: every error is a violation
	FaultTime time.Duration // the second part, with faults
	Workers   int           // approximate number of concurrent requests
	Sessions  int           // live sessions
	// The mean interval between faults of processes and of the backend.
	ProcessFaults, BackendFaults time.Duration
	StoreTimeout                 time.Duration
	Outlast                      bool   // some faults last longer than StoreTimeout
	Faults                       string // inject only matching faults, if not empty
	Broken                       string // name of a breakage, in tests of the checker
	Until                        breach // stop after the first violation of this kind
}

// run is the run of one store.
type run struct {
	plan     plan
	store    *store
	timeline *faultTimeline
	ledger   *ledger
	backend  *backend
	fleet    *fleet
	clients  *clients
	load     *load
	sweeps   atomic.Int64
	began    time.Time
}

// torture runs the plan on the store. An error is about the run itself; violations
// are in the result.
func torture(st *store, p plan) (*result, error) {
	r := &run{plan: p, store: st, timeline: newFaultTimeline(), began: time.Now()}
	var err error
	r.ledger = newLedger(r.timeline)
	if r.backend, err = st.start(r.ledger); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	defer r.backend.stop()
	if f := r.backend.dataLoss; f != nil {
		r.ledger.lastLoss, r.ledger.anyLoss = f.lastLoss, f.anyLoss
	}
	c := r.backend.setup
	c.Broken, c.StoreTimeout = p.Broken, p.StoreTimeout
	if r.fleet, err = startFleet(c, st.processes, r.timeline, r.ledger.violations); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	defer r.fleet.kill()
	r.clients = newClients(r.ledger, r.fleet, p.Workers)
	r.fleet.leave = r.clients.http.CloseIdleConnections
	r.load = newLoad(r.ledger, r.clients, st, p)

	stop := make(chan struct{})
	working := r.load.start(p, stop)
	r.wait(p.FaultFree)
	r.injectAllFaults()
	r.wait(min(p.FaultTime, time.Second)) // the first moments after the last fault
	close(stop)
	working.Wait()
	if err := r.audit(); err != nil {
		return nil, fmt.Errorf("%s: %w", st.name, err)
	}
	return r.result(), nil
}

// wait waits for d, or until a violation of kind plan.Until was found.
func (r *run) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end) && !r.found(); {
		time.Sleep(min(50*time.Millisecond, time.Until(end)))
	}
}

func (r *run) found() bool { return r.plan.Until != "" && r.ledger.of(r.plan.Until) > 0 }

// injectAllFaults injects faults of processes and of the backend, independently of
// each other.
func (r *run) injectAllFaults() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, list := range [][]fault{r.backend.processes, r.backend.own} {
		if list = r.wanted(list); len(list) == 0 {
			continue
		}
		every := []time.Duration{r.plan.ProcessFaults, r.plan.BackendFaults}[i]
		rng := rand.New(rand.NewPCG(r.plan.Seed, uint64(2000+i)))
		wg.Go(func() { r.injectFaults(list, every, rng, stop) })
	}
	r.wait(r.plan.FaultTime)
	close(stop)
	wg.Wait()
}

// wanted returns the faults that match plan.Faults.
func (r *run) wanted(list []fault) (some []fault) {
	only := regexp.MustCompile(r.plan.Faults)
	for _, f := range list {
		if only.MatchString(f.name) {
			some = append(some, f)
		}
	}
	return some
}

// audit checks, after all requests, every session's contents, the store's listing,
// the remaining expired records, and the resources that processes release.
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

// recover waits until all processes reach the store again.
func (r *run) recover() error {
	deadline := time.Now().Add(time.Minute)
	for _, s := range r.fleet.slots {
		for {
			s.mu.Lock()
			err := s.controlLocked("reach", 0, nil)
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
