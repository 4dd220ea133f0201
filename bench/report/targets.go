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
	timesOf := func(store, work, other, title, unit string, want float64) {
		atMost(fmt.Sprintf("%s, %s: time compared with %s", store, work, title), "%.2f×", want,
			m.ratio(requestName(store, work, "pump"), requestName(store, work, other), unit))
	}
	for _, r := range []struct {
		store, work, peer string
		want              float64
		ofRaw             float64 // where the raw operation is the limit, otherwise 0
	}{
		{"memory", "untouched", "scs", 80, 0},
		{"memory", "read", "scs", 12, 0},
		{"memory", "write", "scs", 10, 0},
		{"memory", "new", "scs", 3.5, 2},
		{"cookie", "read", "gorilla", 6, 1.6},
		{"cookie", "write", "gorilla", 4, 1.5},
	} {
		atLeast(fmt.Sprintf("%s, %s: faster than %s", r.store, r.work, r.peer), r.want,
			m.ratio(requestName(r.store, r.work, r.peer), requestName(r.store, r.work, "pump"), processor))
		if r.ofRaw > 0 {
			timesOf(r.store, r.work, "raw", called["raw"], processor, r.ofRaw)
		}
	}
	for _, s := range stores {
		if s.unit != clock || !m.has("Request/store="+s.name+"/") {
			continue // or its server is not installed
		}
		if s.name == "sync" {
			timesOf(s.name, "write", "raw-cas", "one write and one fdatasync", s.unit, 1.2)
			continue
		}
		timesOf(s.name, "read", "raw", called["raw"], s.unit, 1.2)
		for _, raw := range s.raws {
			if raw == "raw" && (s.name == "file" || s.name == "shm") {
				continue // replaces by rename, which is slower than what is needed
			}
			timesOf(s.name, "write", raw, called[raw], s.unit, 1.3)
		}
	}
	timesOf("file", "write", "raw", "replacing a file by rename", clock, 0.2)
	timesOf("file", "write", "gorilla", "gorilla", clock, 0.5)
	for _, store := range []string{"file", "shm"} {
		got := m.ratio(requestName(store, "new", "pump"), requestName(store, "new", "gorilla"), clock)
		all = append(all, target{store + ", new: time compared with gorilla", "no more", ratio(got), got <= tolerance})
	}
	untouched := requestName("memory", "untouched", "pump")
	atMost("untouched: allocations, the header's own included", "%.0f", 4, m.median(untouched, allocs))
	atMost("untouched: bytes allocated, the header's own included", "%.0f", 512, m.median(untouched, bytesUsed))
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
	slower, unexplained := slowerThanPeers(m)
	none := func(what string, list []string) {
		t := target{what: what, want: "none", got: "none", reached: true}
		if len(list) > 0 {
			t.got, t.reached = strings.Join(list, "; "), false
		}
		all = append(all, t)
	}
	none("requests slower than a peer's", slower)
	none("the same, without a promise that explains it", unexplained)
	return append(all, tailTargets(m)...)
}

// tolerance is the ratio up to which two measurements count as equal.
const tolerance = 1.05

// promises has what this library promises and a peer does not, for the requests in
// which it takes longer for that reason. performance.md explains them.
var promises = map[[3]string]string{
	{"file", "new", "gorilla"}: foundWhenDue,
	{"shm", "new", "gorilla"}:  foundWhenDue,
}

const (
	foundWhenDue = "which never removes a session that has expired"
	loses        = "which loses changes"
)

// promise returns what this library promises and the peer does not, or "".
func promise(m *measurements, store, work, peer, peerName string) string {
	if m.median(peerName, kept) < allKept {
		return loses
	}
	return promises[[3]string{store, work, peer}]
}

// slowerThanPeers lists the requests that another library serves faster, except
// gorilla's untouched request, which does no work since it has no middleware. The
// second list has only those that no promise explains.
func slowerThanPeers(m *measurements) (all, unexplained []string) {
	for _, s := range stores {
		for _, kind := range []struct {
			suffix string
			name   func(store, work, lib string) string
		}{{"", requestName}, {" in a small program", smallName}} {
			for _, w := range works {
				for _, peer := range s.peers {
					if w == "untouched" && peer == "gorilla" {
						continue
					}
					peerName := kind.name(s.name, w, peer)
					r := m.ratio(peerName, kind.name(s.name, w, "pump"), s.unit)
					if math.IsNaN(r) || r*tolerance >= 1 {
						continue
					}
					row := fmt.Sprintf("%s, %s%s: %s of %s", s.name, w, kind.suffix, times(r), called[peer])
					if reason := promise(m, s.name, w, peer, peerName); reason != "" {
						row += ", " + reason
					} else {
						unexplained = append(unexplained, row)
					}
					all = append(all, row)
				}
			}
		}
	}
	return all, unexplained
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
