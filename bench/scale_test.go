package bench

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/pump-go/sessions"
)

// many is the number of sessions "at scale". The default only tests the benchmarks;
// the figures in the documentation are for -sessions 1000000.
var many = flag.Int("sessions", 1000, "how many live sessions the benchmarks at scale keep")

// populate creates n sessions with one request each, from several goroutines, and
// returns the cookies of up to keep of them, evenly distributed.
func populate(tb testing.TB, h http.Handler, n, keep int) []string {
	tb.Helper()
	every := max(1, n/keep)
	cookies := make([]string, (n+every-1)/every)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(64, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				c := newClient(tb)
				if !c.send(h) {
					tb.Error("no cookie")
					return
				}
				if i%every == 0 {
					cookies[i/every] = c.cookie()
				}
			}
		})
	}
	wg.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
	return cookies
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // also collect what finalizers and pools kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHeld reports the heap size of sessions with five small values, and the
// duration of a full garbage collection.
func BenchmarkHeld(b *testing.B) {
	for _, l := range []lib{{"pump", oursOn("memory", nil)}, {"scs", scsMemory}} {
		b.Run("lib="+l.name, func(b *testing.B) {
			before := liveHeap()
			a := l.open(b)
			cookies := populate(b, a.handler(small), *many, 100)
			b.ReportMetric(float64(liveHeap()-before)/float64(*many), "B/session")
			b.ReportMetric(float64(cycle().Microseconds())/1000, "ms-gc")
			b.ReportMetric(0, "ns/op")
			if n := a.sessions(); n != *many {
				b.Fatalf("%d sessions", n)
			}
			for _, cookie := range cookies {
				if !newClient(b).with(cookie).try(a.handler(readSmall)).ok() {
					b.Fatal("a session differs from how it was created")
				}
			}
		})
	}
}

// cycle returns the shortest of several full garbage collections.
func cycle() time.Duration {
	least := time.Hour
	for range 5 {
		start := time.Now()
		runtime.GC()
		least = min(least, time.Since(start))
	}
	return least
}

// BenchmarkSweep reports the slowest read while the expired fifth of the sessions is
// removed, and for comparison the slowest without a sweep.
func BenchmarkSweep(b *testing.B) {
	live, expired := *many-*many/5, *many/5
	b.Run("lib=pump", func(b *testing.B) {
		m, err := sessions.New(b.Context(), sessions.Options{SweepInterval: -1})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { m.Close() })
		a := ourApp(b, m)
		cookies := populate(b, a.handler(small), live, 10_000)
		brief := m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			for _, v := range smallValues {
				s.Set(v.name, v.val)
			}
			if err := s.SetIdleTimeout(time.Millisecond); err != nil {
				b.Error(err)
			}
		}))
		var during, idle []float64
		for range 5 {
			populate(b, brief, expired, 1)
			time.Sleep(10 * time.Millisecond)
			runtime.GC()
			var took time.Duration
			during = append(during, slowest(b, a.handler(readSmall), cookies, func() {
				start := time.Now()
				if n, err := m.Sweep(b.Context()); err != nil || n != expired {
					b.Errorf("%d removed, %v", n, err)
				}
				took = time.Since(start)
			}))
			runtime.GC()
			idle = append(idle, slowest(b, a.handler(readSmall), cookies, func() { busy(took) }))
		}
		b.ReportMetric(slices.Min(during), "ms-least-slowest-read")
		b.ReportMetric(median(during), "ms-slowest-read")
		b.ReportMetric(median(idle), "ms-slowest-idle")
		b.ReportMetric(0, "ns/op")
		if n := a.sessions(); n != live {
			b.Errorf("%d sessions left", n)
		}
	})
	b.Run("lib=scs", func(b *testing.B) {
		// The store sweeps at an interval, which must be long enough to create the
		// sessions.
		interval := time.Second + time.Duration(*many)*30*time.Microsecond
		began := time.Now()
		m, store := scs.New(), memstore.NewWithCleanupInterval(interval)
		b.Cleanup(store.StopCleanup)
		m.Store = store
		a := scsApp(m, nil)
		cookies := populate(b, a.handler(small), live, 10_000)
		populate(b, m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for _, v := range smallValues {
				m.Put(r.Context(), v.name, v.val)
			}
			m.SetDeadline(r.Context(), began.Add(interval-10*time.Millisecond))
		})), expired, 1)
		runtime.GC()
		b.ReportMetric(slowest(b, a.handler(readSmall), cookies, func() { busy(100 * time.Millisecond) }), "ms-slowest-idle")
		left := func() int { return reflect.ValueOf(store).Elem().FieldByName("items").Len() }
		if n := left(); n != *many {
			b.Fatalf("%d of %d sessions before the sweep", n, *many)
		}
		const around = 300 * time.Millisecond
		time.Sleep(time.Until(began.Add(interval - 2*around)))
		runtime.GC()
		time.Sleep(time.Until(began.Add(interval - around)))
		b.ReportMetric(slowest(b, a.handler(readSmall), cookies, func() { time.Sleep(2 * around) }), "ms-slowest-read")
		b.ReportMetric(0, "ns/op")
		if n := left(); n != live {
			b.Errorf("%d sessions left", n)
		}
	})
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// busy keeps a core as busy as a sweep does.
func busy(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// slowest sends reads one after the other while f runs, and returns the longest
// duration in milliseconds.
func slowest(b *testing.B, h http.Handler, cookies []string, f func()) float64 {
	c := newClient(b)
	var over atomic.Bool
	go func() {
		defer over.Store(true)
		f()
	}()
	var longest time.Duration
	for i := 0; !over.Load(); i++ {
		c.hold(cookies[i*7919%len(cookies)])
		start := time.Now()
		c.send(h)
		longest = max(longest, time.Since(start))
	}
	return float64(longest.Microseconds()) / 1000
}

// BenchmarkSize measures a request with a thousand sessions, and with a hundred and a
// thousand times as many.
func BenchmarkSize(b *testing.B) {
	for _, store := range []struct {
		name string
		open func(testing.TB) app
	}{
		{"memory", oursOn("memory", nil)},
		{"file", oursOn("file", nil)},
		{"dbm", oursOn("dbm", nil)},
		{"sqlite", oursSQLite},
		// The effect of the backends and the CPU caches alone.
		{"map", rawMemory},
		{"bbolt", rawBolt},
		{"table", rawSQLite},
		{"files", rawFile},
	} {
		b.Run("store="+store.name, func(b *testing.B) {
			inMemory(b)
			a := store.open(b)
			var cookies []string
			made := 0
			for _, n := range []int{*many / 1000, *many / 10, *many} {
				b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
					if made < n { // the first run of this size
						cookies = append(cookies, populate(b, a.handler(fill), n-made, 100_000)...)
						made = n
					}
					rand.Shuffle(len(cookies), func(i, j int) { cookies[i], cookies[j] = cookies[j], cookies[i] })
					b.Run("work=read", func(b *testing.B) { each(b, a.handler(read), cookies) })
					b.Run("work=write", func(b *testing.B) { eachWrites(b, a, cookies) })
				})
			}
			if a.sessions != nil {
				if n := a.sessions(); n != made {
					b.Errorf("%d sessions of %d", n, made)
				}
			}
		})
	}
}

// each sends a request for one session after the other.
func each(b *testing.B, h http.Handler, cookies []string) {
	c := newClient(b)
	i := 0
	loop(b, func() {
		c.hold(cookies[i])
		c.send(h)
		if i++; i == len(cookies) {
			i = 0
		}
	})
}

// eachWrites is like each with writes, and checks some of them.
func eachWrites(b *testing.B, a app, cookies []string) {
	const some = 100
	var before [some]int
	for i := range min(some, len(cookies)) {
		before[i] = countOf(b, a, newClient(b).with(cookies[i]))
	}
	each(b, a.handler(write), cookies)
	for i := range min(some, len(cookies)) {
		want := b.N / len(cookies)
		if i < b.N%len(cookies) {
			want++
		}
		if n := countOf(b, a, newClient(b).with(cookies[i])) - before[i]; n != want {
			b.Errorf("%d writes to session %d, want %d", n, i, want)
		}
	}
}

// inMemory puts the benchmark's temporary files on a file system in memory, if there
// is one, since a million files on a disk would measure the disk.
func inMemory(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "bench")
	if err != nil {
		return
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	b.Setenv("TMPDIR", dir)
	onDisk = false
	b.Cleanup(func() { onDisk = true })
}
