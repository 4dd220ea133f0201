package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The stores, in the order of the tables.
var stores = []struct {
	name, title string
	peers       []string // ratios are to the first
	unit        string
	also        []string // shown, but not compared
}{
	{"memory", "memory", []string{"scs"}, processor, []string{"pump-signed"}},
	{"cookie", "cookie, encrypted", []string{"gorilla"}, processor, nil},
	{"file", "file", []string{"gorilla"}, clock, nil},
	{"shm", "file, on a disk in memory", []string{"gorilla"}, clock, nil},
	{"dbm", "dbm (bbolt)", nil, clock, nil},
	{"sqlite", "database, SQLite", []string{"scs", "scs-default"}, clock, nil},
	{"postgres", "database, PostgreSQL", []string{"scs"}, clock, nil},
	{"redis", "redis", []string{"scs"}, clock, nil},
}

var works = []string{"untouched", "read", "write", "new", "login", "contended"}

const (
	clock     = "ns/op"
	processor = "cpu-ns/op"
	allocs    = "allocs/op"
	kept      = "%kept"
)

// called has the contenders' names in the tables.
var called = map[string]string{
	"raw": "raw operation", "pump": "this library", "pump-signed": "the same, ids signed",
	"scs": "scs", "scs-default": "scs, SQLite's defaults", "gorilla": "gorilla", "bare": "no session",
}

func requestName(store, work, lib string) string {
	return "Request/store=" + store + "/work=" + work + "/lib=" + lib
}

// requests returns a table for each store.
func requests(m *measurements) string {
	var b strings.Builder
	for _, s := range stores {
		if !m.has("Request/store=" + s.name + "/") {
			continue
		}
		libs := slices.Concat([]string{"raw", "pump"}, s.also, s.peers)
		head := []string{s.title}
		for _, l := range libs {
			head = append(head, called[l])
		}
		if len(s.peers) > 0 {
			head = append(head, "faster than "+s.peers[0], "allocations, "+s.peers[0]+"'s")
		} else {
			head = append(head, "allocations")
		}
		t := table{head}
		for _, w := range works {
			row := []string{w}
			for _, l := range libs {
				name := requestName(s.name, w, l)
				cell := duration(m.median(name, s.unit))
				if k := m.median(name, kept); k < 99.95 {
					cell += fmt.Sprintf(", keeps %.0f%%", k)
				}
				row = append(row, cell)
			}
			ours := requestName(s.name, w, "pump")
			if len(s.peers) > 0 {
				peer := requestName(s.name, w, s.peers[0])
				row = append(row, times(m.ratio(peer, ours, s.unit)), count(m.median(ours, allocs))+", "+count(m.median(peer, allocs)))
			} else {
				row = append(row, count(m.median(ours, allocs)))
			}
			t = append(t, row)
		}
		b.WriteString(t.markdown() + "\n")
	}
	return b.String()
}

// server returns the table of a session's cost in a whole request.
func server(m *measurements) string {
	t := table{{"over net/http's server, memory", "this library", "scs", "faster"}}
	t = append(t, []string{"no session", duration(m.median("Server/work=untouched/lib=bare", processor)), "", ""})
	for _, w := range []string{"untouched", "read", "write"} {
		ours, peer := "Server/work="+w+"/lib=pump", "Server/work="+w+"/lib=scs"
		t = append(t, []string{w, duration(m.median(ours, processor)), duration(m.median(peer, processor)), times(m.ratio(peer, ours, processor))})
	}
	return t.markdown()
}

// gain returns the ratio of the throughput of two cores to that of one, in the least
// disturbed rounds.
func gain(m *measurements, name string) float64 {
	return m.least(name+"/cores=1", clock) / m.least(name+"/cores=2", clock)
}

func cores(m *measurements) string {
	t := table{{"requests in a second, memory", "1 core", "2 cores", "gain"}}
	row := func(title, name string) {
		t = append(t, []string{title, perSecond(m.least(name+"/cores=1", clock)), perSecond(m.least(name+"/cores=2", clock)), times(gain(m, name))})
	}
	row("no session", "Cores/work=untouched/lib=bare")
	for _, lib := range []string{"pump", "scs"} {
		for _, w := range []string{"untouched", "read", "write"} {
			row(called[lib]+", "+w, "Cores/work="+w+"/lib="+lib)
		}
	}
	row("arithmetic that shares nothing (what the second core is worth)", "Cores/work=sum")
	return t.markdown()
}

func perSecond(ns float64) string {
	if math.IsNaN(ns) {
		return "–"
	}
	return grouped(1e9 / ns)
}
