package sessionstest

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"
)

// label is the profiler label of a case's goroutines. A goroutine inherits the
// labels of the one that started it, which distinguishes a store's goroutines
// from those of other tests.
const label = "sessionstest"

// goroutines returns the stacks of the goroutines labelled with id.
func goroutines(id string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return "no goroutine profile: " + err.Error()
	}
	var ours []string
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("%q:%q", label, id)) {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}

// checkGoroutines records a failure if goroutines of the case do not end.
func (e *env) checkGoroutines() {
	if _, cannot := e.suite.Cannot[Goroutines]; cannot || e.failed() || e.suite.leaked.Load() >= maxHung {
		return
	}
	for deadline := time.Now().Add(e.suite.leakTimeout); ; time.Sleep(time.Millisecond) {
		left := goroutines(e.id)
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			saw := fmt.Sprintf("goroutines are still running %v after Close", e.suite.leakTimeout)
			if e.suite.leaked.Add(1) == maxHung {
				saw += fmt.Sprintf(", in %d cases so far; later cases are not checked", maxHung)
			}
			e.breaks(11, "Close ends the store's goroutines.", saw+":\n"+left)
			return
		}
	}
}
