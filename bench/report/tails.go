package main

import (
	"fmt"
	"math"
	"strings"
)

func tailsName(store, work, lib string) string {
	return "Tails/store=" + store + "/work=" + work + "/lib=" + lib
}

const rate = "req/s"

// percentiles are the units of the latencies, and their titles.
var percentiles = []struct{ unit, title string }{
	{"p50-ns", "p50"}, {"p99-ns", "p99"}, {"p99.9-ns", "p99.9"}, {"max-ns", "longest"},
}

// tails returns the table of latencies under load.
func tails(m *measurements) string {
	t := table{{"store", "requests a second", "library", "capacity"}}
	for _, p := range percentiles {
		t[0] = append(t[0], p.title)
	}
	for _, s := range stores {
		title, requests := s.title, perSecond(1e9/m.median(tailsName(s.name, "tails", "pump"), rate))
		for _, lib := range append([]string{"pump"}, append(s.peers, "bare")...) {
			name := tailsName(s.name, "tails", lib)
			if !m.has(name) {
				continue
			}
			row := []string{title, requests, called[lib], perSecond(1e9 / m.median(tailsName(s.name, "capacity", lib), rate))}
			for _, p := range percentiles {
				row = append(row, duration(m.median(name, p.unit)))
			}
			t = append(t, row)
			title, requests = "", ""
		}
	}
	return t.markdown()
}

// tailTolerance is the ratio up to which two tails count as equal. They vary more than
// medians do.
const tailTolerance = 1.25

// tailTargets returns the goal that no tail is longer than a peer's, if tails were
// measured.
func tailTargets(m *measurements) []target {
	if !m.has("Tails/") {
		return nil
	}
	var longer []string
	for _, s := range stores {
		for _, peer := range s.peers {
			for _, p := range percentiles[1:3] {
				r := m.ratio(tailsName(s.name, "tails", "pump"), tailsName(s.name, "tails", peer), p.unit)
				if !math.IsNaN(r) && r > tailTolerance {
					longer = append(longer, fmt.Sprintf("%s, %s: %s of %s", s.name, p.title, times(r), called[peer]))
				}
			}
		}
	}
	t := target{what: "p99 and p99.9 under load: longer than a peer's", want: "none", got: "none", reached: true}
	if longer != nil {
		t.got, t.reached = strings.Join(longer, "; "), false
	}
	return []target{t}
}
