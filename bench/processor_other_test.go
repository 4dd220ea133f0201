//go:build !unix

package bench

import "time"

// processorTime returns 0, since the CPU time is not available.
func processorTime() time.Duration { return 0 }
