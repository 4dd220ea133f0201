//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// result is the result of a run.
type result struct {
	Store      string
	Processes  int
	Seed       uint64
	Date       time.Time
	Took       time.Duration
	Sessions   int64
	Operations int64
	Writes     int64 // changes acknowledged
	Unsure     int64 // changes of unknown outcome
	Refused    int64 // error pages
	Endings    int64 // requests that found their session ended by a sign-out or renewal
	HungUp     int64
	Panics     int64
	Renewals   int64
	SignOuts   int64
	Expired    int64
	Evictions  int64
	Stranded   int64 // clients that did not receive their new cookie
	Sweeps     int64

	Late, OldSignOuts, DoubleSignIns, SignOutRounds, OwnerSignOuts, Rotations, Listings int64 // see tally

	Faults     map[string]int
	Violations map[breach]int
	First      []violation `json:",omitempty"`
}

func (r *run) result() *result {
	t := &r.ledger.tally
	v := r.ledger.violations
	v.mu.Lock()
	defer v.mu.Unlock()
	return &result{
		Store: r.store.name, Processes: r.store.processes, Seed: r.plan.Seed,
		Date: r.began.UTC().Truncate(time.Second), Took: time.Since(r.began).Round(time.Second),
		Sessions: t.sessions.Load(), Operations: t.operations.Load(), Writes: t.writes.Load(), Unsure: t.unsure.Load(),
		Refused: t.refused.Load(), Endings: t.endings.Load(), HungUp: t.hungUp.Load(), Panics: t.panics.Load(),
		Renewals: t.renewals.Load(), SignOuts: t.signOuts.Load(), Expired: t.expired.Load(), Evictions: t.evictions.Load(), Stranded: t.stranded.Load(),
		Late: t.late.Load(), OldSignOuts: t.oldSignOuts.Load(), DoubleSignIns: t.doubleSignIns.Load(), SignOutRounds: t.signOutRounds.Load(),
		OwnerSignOuts: t.ownerSignOuts.Load(), Rotations: t.rotations.Load(), Listings: t.listings.Load(),
		Sweeps: r.sweeps.Load(), Faults: r.timeline.counts(), Violations: v.count, First: v.first,
	}
}

func (res *result) faults() (n int) { return sum(res.Faults) }

func (res *result) violations() int { return sum(res.Violations) }

func sum[K comparable](m map[K]int) (n int) {
	for _, c := range m {
		n += c
	}
	return n
}

// String returns the result in a few lines.
func (res *result) String() string {
	s := fmt.Sprintf("%s, seed %d: %d operations in %v on %d sessions, %d faults, %d changes acknowledged, %d unsure, %d error pages, %d evictions, %d renewals, %d rotations, %d late, %d+%d sign-outs of owners, %d violations",
		res.Store, res.Seed, res.Operations, res.Took, res.Sessions, res.faults(), res.Writes, res.Unsure, res.Refused, res.Evictions, res.Renewals, res.Rotations, res.Late, res.SignOutRounds, res.OwnerSignOuts, res.violations())
	for b, n := range res.Violations {
		s += fmt.Sprintf("\n  %d × %s", n, b)
	}
	for _, v := range res.First {
		s += "\n  " + v.String()
	}
	return s
}

func (res *result) write(dir string) error {
	text, err := json.MarshalIndent(res, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, res.Store+".json"), append(text, '\n'), 0o644)
}

// readResults returns the results in dir in the order of stores.
func readResults(dir string) (all []*result, err error) {
	for _, st := range stores {
		text, err := os.ReadFile(filepath.Join(dir, st.name+".json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		res := new(result)
		if err := json.Unmarshal(text, res); err != nil {
			return nil, fmt.Errorf("%s: %w", st.name, err)
		}
		all = append(all, res)
	}
	return all, nil
}
