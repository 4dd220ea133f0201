//go:build linux

package main

import (
	"sync"
	"time"
)

// weather is what faults there are, and when.
type weather struct {
	mu      sync.Mutex
	windows []*window
	count   map[string]int
}

// window is the time of one fault.
type window struct {
	fault      fault
	began, end time.Time // end is zero while it lasts
}

// aftermath is how long the effects of a fault may last: of requests that wait
// for a store that is back, of connections that break when they are next used.
const aftermath = 5 * time.Second

func newWeather() *weather { return &weather{count: make(map[string]int)} }

// begin opens the window of a fault, and the function that it returns closes it.
func (w *weather) begin(f fault) (end func()) {
	win := &window{fault: f, began: time.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.windows = append(w.windows, win)
	w.count[f.name]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		win.end = time.Now()
	}
}

// during tells whether a fault of the kind may have had effect between two
// moments.
func (w *weather) during(from, to time.Time, kind func(*window) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, win := range w.windows {
		if win.began.Before(to) && (win.end.IsZero() || win.end.Add(aftermath).After(from)) && kind(win) {
			return true
		}
	}
	return false
}

func anyFault(*window) bool       { return true }
func backendFault(w *window) bool { return w.fault.backend }
func clockFault(w *window) bool   { return w.fault.clock }

func keepingFault(w *window) bool { return w.fault.keeps }

// disturbed tells whether any fault may have had effect since from.
func (w *weather) disturbed(from time.Time) bool { return w.during(from, time.Now(), anyFault) }

// counts returns how often each fault struck.
func (w *weather) counts() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[string]int, len(w.count))
	for name, n := range w.count {
		all[name] = n
	}
	return all
}
