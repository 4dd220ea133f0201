package bench

import (
	"testing"
	"time"
)

// loop measures f. Beside the time that it takes by the clock it reports the
// processor's, of all threads and so with the garbage collector's: the clock
// does not show what the collector does on another core, and does show what
// other programs do.
func loop(b *testing.B, f func()) {
	b.ReportAllocs()
	begun := processorTime()
	for b.Loop() {
		f()
	}
	reportProcessor(b, begun)
}

// loopParallel does it from many goroutines.
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
