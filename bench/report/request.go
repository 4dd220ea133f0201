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
	raws        []string // the raw operations; a write is compared with the last one
	peers       []string // ratios are to the first
	unit        string
	also        []string // shown, but not compared
}{
	{"memory", "memory", plain, []string{"scs"}, processor, []string{"pump-signed"}},
	{"cookie", "cookie, encrypted", plain, []string{"gorilla"}, processor, nil},
	{"file", "file", swapped, []string{"gorilla"}, clock, nil},
	{"sync", "file, with Sync", swapped[1:], nil, clock, nil},
	{"shm", "file, on a disk in memory", swapped, []string{"gorilla"}, clock, nil},
	{"dbm", "dbm (bbolt)", plain, nil, clock, nil},
	{"sqlite", "database, SQLite", plain, []string{"scs", "scs-default"}, clock, nil},
	{"postgres", "database, PostgreSQL", plain, []string{"scs"}, clock, nil},
	{"mariadb", "database, MariaDB", plain, []string{"scs"}, clock, nil},
	{"redis", "redis", swapped, []string{"scs"}, clock, nil},
	{"memcached", "memcached", plain, nil, clock, nil},
}

// The raw operations. Where a comparison before a write is an operation of its own,
// "raw-cas" has it and "raw" does not.
var (
	plain   = []string{"raw"}
	swapped = []string{"raw", "raw-cas"}
)

var works = []string{"untouched", "read", "write", "new", "sign-in", "contended"}

const (
	clock     = "ns/op"
	processor = "cpu-ns/op"
	allocs    = "allocs/op"
	bytesUsed = "B/op"
	kept      = "%kept"

	allKept = 99.95 // the percentage from which on no change was lost
)

// called has the contenders' names in the tables.
var called = map[string]string{
	"raw": "raw operation", "raw-cas": "raw, compare and swap", "pump": "this library", "pump-signed": "the same, ids signed",
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
		libs := slices.Concat(s.raws, []string{"pump"}, s.also, s.peers)
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
				if k := m.median(name, kept); k < allKept {
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

func smallName(store, work, lib string) string {
	return "Small/store=" + store + "/work=" + work + "/lib=" + lib
}

// small returns the table of requests in a program with almost no heap.
func small(m *measurements) string {
	t := table{{"in a small program", "this library", "peer", "faster", "with 64 MB: this library", "peer", "faster", "bytes allocated, the peer's"}}
	for _, s := range stores {
		if !m.has("Small/store=" + s.name + "/") {
			continue
		}
		for _, w := range works {
			row := []string{s.name + ", " + w}
			for _, name := range []func(store, work, lib string) string{smallName, requestName} {
				ours, peer := name(s.name, w, "pump"), name(s.name, w, s.peers[0])
				row = append(row, duration(m.median(ours, s.unit)), duration(m.median(peer, s.unit)), times(m.ratio(peer, ours, s.unit)))
			}
			ours, peer := m.median(smallName(s.name, w, "pump"), bytesUsed), m.median(smallName(s.name, w, s.peers[0]), bytesUsed)
			if !math.IsNaN(ours) {
				t = append(t, append(row, count(ours)+", "+count(peer)))
			}
		}
	}
	return t.markdown()
}

// callers returns the table of concurrent requests to redis.
func callers(m *measurements) string {
	t := table{{"redis, many sessions at a time", "callers", "raw, compare and swap", "this library", "scs", "compared with raw", "faster than scs"}}
	for _, w := range []string{"read", "write", "new", "sign-in"} {
		for _, n := range []string{"16", "64"} {
			name := "Redis/work=" + w + "/callers=" + n
			t = append(t, []string{
				w, n, duration(m.median(name, "ns/raw-cas")), duration(m.median(name, "ns/pump")), duration(m.median(name, "ns/scs")),
				ratio(m.median(name, "x-pump")), times(m.median(name, "faster")),
			})
		}
	}
	return t.markdown()
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
