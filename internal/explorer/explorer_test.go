package explorer

import (
	"flag"
	"slices"
	"sync/atomic"
	"testing"
)

var (
	triples  = flag.Bool("triples", false, "run all triples too")
	schedule = flag.String("schedule", "", "the code of the run that TestReplay performs")
)

// scenariosOf returns the operations in one process and in several, on a store that is a
// driver.Renewer and on one that is none, if that makes a difference.
func scenariosOf(ops ...operation) (list []scenario) {
	list = append(list, scenario{ops: ops}, scenario{ops: ops, apart: true})
	if slices.ContainsFunc(ops, func(op operation) bool { return op.moves || op.name == "invalidate" }) {
		list = append(list, scenario{ops: ops, renewer: true}, scenario{ops: ops, apart: true, renewer: true})
	}
	return list
}

// pairs returns the scenarios of every pair of operations.
func pairs() (list []scenario) {
	for i, a := range operations {
		for _, b := range operations[i:] {
			list = append(list, scenariosOf(a, b)...)
		}
	}
	return list
}

// allTriples returns the scenarios of every triple of operations.
func allTriples() (list []scenario) {
	for i, a := range operations {
		for j, b := range operations[i:] {
			for _, c := range operations[i+j:] {
				list = append(list, scenariosOf(a, b, c)...)
			}
		}
	}
	return list
}

// TestPairs is the proof by exhaustion: no schedule of two requests breaks a rule.
func TestPairs(t *testing.T) { explore(t, pairs()) }

func TestTriples(t *testing.T) {
	if !*triples {
		t.Skip("needs -triples")
	}
	explore(t, allTriples())
}

func explore(t *testing.T, scenarios []scenario) {
	var runs atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, sc := range scenarios {
			t.Run(sc.String(), func(t *testing.T) {
				t.Parallel()
				bubble(t, func() {
					failures := 0
					runs.Add(int64(sc.all(func(r *run) bool {
						if len(r.faults) > 0 {
							failures++
							t.Errorf("%s", r.report())
						}
						return failures < 3
					})))
				})
			})
		}
	})
	t.Logf("%d scenarios, %d runs", len(scenarios), runs.Load())
}

// TestReplay performs one run again and tells what happened.
func TestReplay(t *testing.T) {
	if *schedule == "" {
		t.Skip("needs -schedule")
	}
	bubble(t, func() {
		r, err := replay(*schedule, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", r.words())
		if len(r.faults) > 0 {
			t.Errorf("%s", r.report())
		}
	})
}
