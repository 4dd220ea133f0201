package sessionstest

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"
)

// label is the profiler label that a case's goroutines carry. A goroutine
// inherits the labels of the one that started it, which tells apart a store's
// goroutines from those of other tests.
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

// checkGoroutines sees that none of the case's goroutines is left.
func (e *env) checkGoroutines() {
	if _, cannot := e.suite.Cannot[Goroutines]; cannot || e.failed() || e.suite.leaked.Load() >= mostHung {
		return
	}
	for deadline := time.Now().Add(e.suite.settle); ; time.Sleep(time.Millisecond) {
		left := goroutines(e.id)
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			saw := fmt.Sprintf("goroutines are left %v after Close", e.suite.settle)
			if e.suite.leaked.Add(1) == mostHung {
				saw += fmt.Sprintf(", in %d cases so far: the cases after this one do not wait for theirs", mostHung)
			}
			e.breaks(11, "Close ends the store's goroutines.", saw+":\n"+left)
			return
		}
	}
}
