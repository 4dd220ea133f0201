package main

import "fmt"

// sizes are the numbers of sessions that BenchmarkSize compares.
func sizes() [3]int { return [3]int{*many / 1000, *many / 10, *many} }

func sizeName(store string, n int, work string) string {
	return fmt.Sprintf("Size/store=%s/sessions=%d/work=%s", store, n, work)
}

// grown pairs each store with its raw backend.
var grown = []struct{ store, backend, title string }{
	{"memory", "map", "memory, beside a map"},
	{"file", "files", "file, beside plain files"},
	{"dbm", "bbolt", "dbm, beside bbolt"},
	{"sqlite", "table", "SQLite, beside its statements"},
}

// growth returns the ratio of a request's time with the most sessions to that with
// the fewest.
func growth(m *measurements, store, work string) float64 {
	s := sizes()
	return m.ratio(sizeName(store, s[2], work), sizeName(store, s[0], work), processor)
}

func size(m *measurements) string {
	s := sizes()
	t := table{{"sessions in the store", grouped(float64(s[0])), grouped(float64(s[1])), grouped(float64(s[2])), "growth", "the backend's own"}}
	for _, g := range grown {
		for _, w := range []string{"read", "write"} {
			row := []string{g.title + ": " + w}
			for _, n := range s {
				row = append(row, duration(m.median(sizeName(g.store, n, w), processor)))
			}
			t = append(t, append(row, times(growth(m, g.store, w)), times(growth(m, g.backend, w))))
		}
	}
	return t.markdown()
}

func scale(m *measurements) string {
	t := table{{grouped(float64(*many)) + " sessions of five small values", "this library", "scs", "ratio"}}
	for _, r := range []struct{ title, name, unit, format string }{
		{"heap bytes a session", "Held", "B/session", "%.0f"},
		{"a whole cycle of the garbage collector", "Held", "ms-gc", "%.0f ms"},
		{"slowest read while a fifth is swept", "Sweep", "ms-slowest-read", "%.1f ms"},
		{"the same, in the quietest of the runs", "Sweep", "ms-least-slowest-read", "%.1f ms"},
		{"slowest read while the other core works on something else", "Sweep", "ms-slowest-idle", "%.1f ms"},
	} {
		ours, peer := r.name+"/lib=pump", r.name+"/lib=scs"
		a, b := m.median(ours, r.unit), m.median(peer, r.unit)
		if r.unit == leastStall {
			a, b = m.least(ours, leastStall), m.least(peer, stall)
		}
		t = append(t, []string{r.title, fmt.Sprintf(r.format, a), fmt.Sprintf(r.format, b), times(b / a)})
	}
	return t.markdown()
}

const (
	stall      = "ms-slowest-read"
	leastStall = "ms-least-slowest-read"
)
