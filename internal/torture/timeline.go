//go:build linux

package main

import (
	"sync"
	"time"
)

// faultTimeline records the faults and their times.
type faultTimeline struct {
	mu      sync.Mutex
	windows []*window
	count   map[string]int
}

// window is the duration of one fault.
type window struct {
	fault      fault
	began, end time.Time // end is zero while it lasts
}

// aftermath is how long the effects of a fault may continue after its end:
// requests that still wait for the store, and broken connections that are used
// next.
const aftermath = 5 * time.Second

func newFaultTimeline() *faultTimeline { return &faultTimeline{count: make(map[string]int)} }

// begin records the start of a fault; the returned function records its end.
func (t *faultTimeline) begin(f fault) (end func()) {
	win := &window{fault: f, began: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.windows = append(t.windows, win)
	t.count[f.name]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		win.end = time.Now()
	}
}

// during reports whether a fault for which kind returns true may have had effects
// between from and to.
func (t *faultTimeline) during(from, to time.Time, kind func(*window) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, win := range t.windows {
		if win.began.Before(to) && (win.end.IsZero() || win.end.Add(aftermath).After(from)) && kind(win) {
			return true
		}
	}
	return false
}

func anyFault(*window) bool       { return true }
func backendFault(w *window) bool { return w.fault.backend }
func clockFault(w *window) bool   { return w.fault.clock }

func removalFault(w *window) bool { return w.fault.blocksRemoval }

// faultSince reports whether any fault may have had effects since from.
func (t *faultTimeline) faultSince(from time.Time) bool { return t.during(from, time.Now(), anyFault) }

// counts returns how often each fault occurred.
func (t *faultTimeline) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]int, len(t.count))
	for name, n := range t.count {
		all[name] = n
	}
	return all
}
