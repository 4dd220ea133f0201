package memory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// small is about the size of five small values.
var small = make([]byte, 80)

// scaled returns n, or a tenth of it with -short.
func scaled(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// filled returns a store of n sessions that expire in an hour, and its keys.
func filled(b *testing.B, n int) (*store, []driver.Key) {
	s := newStore(driver.Config{SweepInterval: -1}.WithDefaults(), Options{})
	b.Cleanup(func() { s.Close() })
	keys := make([]driver.Key, n)
	for i := range keys {
		keys[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if err := s.Save(b.Context(), keys[i], 0, lasting(time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	return s, keys
}

func lasting(d time.Duration) driver.Record {
	now := time.Now()
	return driver.Record{
		Data: small, Version: 1,
		Created: driver.MillisOf(now), Accessed: driver.MillisOf(now), Expires: driver.MillisOf(now.Add(d)),
	}
}

func benchmark(b *testing.B, op func(s *store, key driver.Key) error) {
	s, keys := filled(b, 10_000)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := op(s, keys[i%len(keys)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		var start atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := int(start.Add(4999)); pb.Next(); i++ {
				if err := op(s, keys[i%len(keys)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	benchmark(b, func(s *store, key driver.Key) error {
		_, err := s.Load(ctx, key)
		return err
	})
}

func BenchmarkSave(b *testing.B) {
	ctx, rec := context.Background(), lasting(time.Hour)
	benchmark(b, func(s *store, key driver.Key) error { return s.Save(ctx, key, 1, rec) })
}

func BenchmarkTouch(b *testing.B) {
	ctx, rec := context.Background(), lasting(2*time.Hour)
	benchmark(b, func(s *store, key driver.Key) error { return s.Touch(ctx, key, rec) })
}

// BenchmarkMemory reports the heap per session, maps included. Maps grow in
// steps, so the result depends on the number of sessions.
func BenchmarkMemory(b *testing.B) {
	for _, full := range []int{100_000, 300_000, 1_000_000} {
		n := scaled(full)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				s, keys := filled(b, n)
				after := heap() - uint64(len(keys)*len(driver.Key{}))
				b.ReportMetric(float64(after-before)/float64(n), "B/session")
				runtime.KeepAlive(keys)
				s.Close()
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSweep reports the slowest read while a fifth of the sessions is
// removed and, for comparison, the slowest read while nothing is removed.
func BenchmarkSweep(b *testing.B) {
	ctx := context.Background()
	n := scaled(1_000_000)
	for b.Loop() {
		s, keys := filled(b, n)
		for _, key := range keys[:n/5] {
			if err := s.Save(ctx, key, 1, lasting(0)); err != nil {
				b.Fatal(err)
			}
		}
		heap()
		during := slowestRead(b, s, keys[n/5:], func() {
			if removed, err := s.Sweep(ctx); err != nil || removed != n/5 {
				b.Errorf("Sweep: %d removed, %v", removed, err)
			}
		})
		idle := slowestRead(b, s, keys[n/5:], func() {
			for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
			}
		})
		b.ReportMetric(float64(during.Microseconds())/1000, "ms-slowest-read")
		b.ReportMetric(float64(idle.Microseconds())/1000, "ms-slowest-idle")
		s.Close()
	}
}

// slowestRead loads sessions one after the other while f runs.
func slowestRead(b *testing.B, s *store, keys []driver.Key, f func()) (slowest time.Duration) {
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		f()
	}()
	for i := 0; !done.Load(); i++ {
		start := time.Now()
		if _, err := s.Load(context.Background(), keys[i*7919%len(keys)]); err != nil {
			b.Fatal(err)
		}
		slowest = max(slowest, time.Since(start))
	}
	return slowest
}
