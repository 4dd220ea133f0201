package main

import (
	"fmt"
	"math"
	"strings"
)

// target is a performance goal.
type target struct {
	what, want string
	got        string
	reached    bool
}

// targets returns the goals with the measured figures.
func targets(m *measurements) []target {
	var all []target
	atLeast := func(what string, want, got float64) {
		all = append(all, target{what, "at least " + times(want), times(got), got >= want})
	}
	atMost := func(what, format string, want, got float64) {
		all = append(all, target{what, "at most " + fmt.Sprintf(format, want), fmt.Sprintf(format, got), got <= want})
	}
	for _, r := range []struct {
		store, work, peer string
		want              float64
	}{
		{"memory", "untouched", "scs", 80},
		{"memory", "read", "scs", 12},
		{"memory", "write", "scs", 10},
		{"memory", "new", "scs", 3.5},
		{"cookie", "read", "gorilla", 6},
		{"cookie", "write", "gorilla", 4},
	} {
		atLeast(fmt.Sprintf("%s, %s: faster than %s", r.store, r.work, r.peer), r.want,
			m.ratio(requestName(r.store, r.work, r.peer), requestName(r.store, r.work, "pump"), processor))
	}
	atMost("untouched: allocations, the header's own included", "%.0f", 4, m.median(requestName("memory", "untouched", "pump"), allocs))
	atMost("heap bytes a session", "%.0f", 260, m.median("Held/lib=pump", "B/session"))
	atMost("slowest read during a sweep, ms (in the quietest run)", "%.1f", 2.5, m.least("Sweep/lib=pump", leastStall))
	for _, g := range grown {
		for _, w := range []string{"read", "write"} {
			ours, backend := growth(m, g.store, w), growth(m, g.backend, w)
			all = append(all, target{
				what:    fmt.Sprintf("%s, %s: growth from %s to %s sessions", g.store, w, grouped(float64(sizes()[0])), grouped(float64(sizes()[2]))),
				want:    "no more than the backend's own, " + times(backend),
				got:     times(ours),
				reached: ours <= max(1, backend)*tolerance,
			})
		}
	}
	for _, w := range []string{"untouched", "read", "write"} {
		got, machine := gain(m, "Cores/work="+w+"/lib=pump"), gain(m, "Cores/work=sum")
		all = append(all, target{
			what:    "memory, " + w + ": gain by a second core",
			want:    "grows (the machine's own gain is " + times(machine) + ")",
			got:     times(got),
			reached: got > 1,
		})
	}
	slower := slowerThanPeers(m)
	none := target{what: "requests slower than a peer's", want: "none", got: "none", reached: true}
	if len(slower) > 0 {
		none.got, none.reached = strings.Join(slower, "; "), false
	}
	return append(all, none)
}

// tolerance is the ratio up to which two measurements count as equal.
const tolerance = 1.05

// slowerThanPeers lists the requests that another library serves faster, except
// gorilla's untouched request, which does no work since it has no middleware.
func slowerThanPeers(m *measurements) (list []string) {
	for _, s := range stores {
		for _, w := range works {
			for _, peer := range s.peers {
				if w == "untouched" && peer == "gorilla" {
					continue
				}
				r := m.ratio(requestName(s.name, w, peer), requestName(s.name, w, "pump"), s.unit)
				if !math.IsNaN(r) && r*tolerance < 1 {
					list = append(list, fmt.Sprintf("%s, %s: %s of %s", s.name, w, times(r), called[peer]))
				}
			}
		}
	}
	return list
}

func targetTable(m *measurements) string {
	t := table{{"target", "", "measured", "reached"}}
	for _, g := range targets(m) {
		reached := "yes"
		if !g.reached {
			reached = "**no**"
		}
		t = append(t, []string{g.what, g.want, g.got, reached})
	}
	return t.markdown()
}
