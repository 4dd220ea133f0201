package bench

import (
	"testing"
)

// BenchmarkCores measures requests on many sessions from many goroutines; with
// -cpu 1,2 it shows the gain from a second core. "sum" shares no memory, so it shows
// the most that the machine's second core can add.
func BenchmarkCores(b *testing.B) {
	b.Run("work=sum", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			sum := uint64(1)
			for pb.Next() {
				for range 1000 {
					sum = sum*6364136223846793005 + 1442695040888963407
				}
			}
			if sum == 0 {
				b.Log(sum) // so that the compiler keeps the loop
			}
		})
	})
	for _, l := range []lib{{"bare", bare}, {"pump", oursOn("memory", nil)}, {"scs", scsMemory}} {
		for _, w := range []work{untouched, read, write} {
			if !l.offers(b, w) {
				continue
			}
			b.Run("work="+string(w)+"/lib="+l.name, func(b *testing.B) {
				a := l.open(b)
				const each = 16 // goroutines per core
				b.SetParallelism(each)
				h := a.handler(w)
				loopParallel(b, func(pb *testing.PB) {
					c := newClient(b)
					c.send(a.handler(fill))
					n := 0
					for ; pb.Next(); n++ {
						c.send(h)
					}
					if w == write {
						counted(b, a, c, n)
					}
				})
			})
		}
	}
}
