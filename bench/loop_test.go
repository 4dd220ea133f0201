package bench

import (
	"testing"
	"time"
)

// loop measures f. Besides the elapsed time it reports the CPU time of all threads:
// elapsed time does not include the garbage collector's work on another core, and
// does include interruptions by other programs.
func loop(b *testing.B, f func()) {
	b.ReportAllocs()
	begun := processorTime()
	for b.Loop() {
		f()
	}
	reportProcessor(b, begun)
}

// loopParallel is like loop, from many goroutines.
func loopParallel(b *testing.B, f func(*testing.PB)) {
	b.ReportAllocs()
	b.ResetTimer()
	begun := processorTime()
	b.RunParallel(f)
	reportProcessor(b, begun)
}

func reportProcessor(b *testing.B, begun time.Duration) {
	b.ReportMetric(float64(processorTime()-begun)/float64(b.N), "cpu-ns/op")
}
