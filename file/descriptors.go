package file

import "sync/atomic"

// keptOpen is how many lock files and logs all stores of the process keep open
// between calls.
var keptOpen atomic.Int64

// mayKeep counts one more file that stays open, or reports that there are too many:
// at most a quarter of the files that the process may have open. The rest is for its
// connections. What does not stay open is opened again when it is needed. After
// closing a file that was counted, call doneKeeping.
func mayKeep() bool {
	if keptOpen.Add(1) <= openLimit()/4 {
		return true
	}
	doneKeeping()
	return false
}

func doneKeeping() { keptOpen.Add(-1) }
