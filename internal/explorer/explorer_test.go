package explorer

import (
	"flag"
	"sync/atomic"
	"testing"
)

var (
	triples  = flag.Bool("triples", false, "run all triples too")
	schedule = flag.String("schedule", "", "the code of the run that TestReplay performs")
)

// pairs returns every pair of operations, in one process and in two.
func pairs() (list []scenario) {
	for i, a := range operations {
		for _, b := range operations[i:] {
			list = append(list, scenario{ops: []operation{a, b}}, scenario{ops: []operation{a, b}, apart: true})
		}
	}
	return list
}

// allTriples returns every triple of operations, in one process and in three.
func allTriples() (list []scenario) {
	for i, a := range operations {
		for j, b := range operations[i:] {
			for _, c := range operations[i+j:] {
				list = append(list, scenario{ops: []operation{a, b, c}}, scenario{ops: []operation{a, b, c}, apart: true})
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
