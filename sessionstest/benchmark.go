package sessionstest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// Benchmark measures each method of the store with records of 1 KiB,
// sequentially and from many goroutines. It uses the Harness's Driver and
// Config, and checks the stored records afterwards.
func Benchmark(b *testing.B, h Harness) {
	b.Helper()
	for _, m := range []struct {
		name string
		run  func(*bench)
	}{
		{"Load", (*bench).load},
		{"Create", (*bench).create},
		{"Save", (*bench).save},
		{"Touch", (*bench).touch},
		{"Delete", (*bench).delete},
		{"Load/parallel", (*bench).loadParallel},
		{"Create/parallel", (*bench).createParallel},
		{"Save/parallel", (*bench).saveParallel},
		{"Touch/parallel", (*bench).touchParallel},
	} {
		b.Run(m.name, func(b *testing.B) {
			var cfg driver.Config
			if h.Config != nil {
				cfg = h.Config(b)
			}
			cfg.SweepInterval = -1
			s, err := h.Driver.Open(b.Context(), cfg.WithDefaults())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			m.run(&bench{B: b, s: s})
		})
	}
}

const (
	benchData = 1024
	benchKeys = 1024 // read by the parallel Loads
)

type bench struct {
	*testing.B
	s driver.Store
}

// record returns a record that starts at the system time, which the stores of
// a benchmark use.
func (b *bench) record() driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: noise(benchData), Version: newVersion(), Created: now, Accessed: now, Expires: now + 24*hour}
}

func (b *bench) must(err error) {
	if err != nil {
		b.Error(err) // not Fatal, which only the benchmark's goroutine may call
	}
}

// made creates a record.
func (b *bench) made() (driver.Key, driver.Record) {
	key, rec := newKey(), b.record()
	b.must(b.s.Save(b.Context(), key, 0, rec))
	return key, rec
}

// holds reports an error unless the stored record equals want.
func (b *bench) holds(key driver.Key, want driver.Record) {
	got, err := b.s.Load(b.Context(), key)
	b.must(err)
	if d := difference(got, want); err == nil && d != "" {
		b.Error("after the benchmark " + d)
	}
}

func (b *bench) load() {
	key, rec := b.made()
	var got driver.Record
	for b.Loop() {
		var err error
		got, err = b.s.Load(b.Context(), key)
		b.must(err)
	}
	if d := difference(got, rec); d != "" {
		b.Error("after the benchmark " + d)
	}
}

func (b *bench) create() {
	key, rec := driver.Key{}, b.record()
	for b.Loop() {
		key = newKey()
		b.must(b.s.Save(b.Context(), key, 0, rec))
	}
	b.holds(key, rec)
}

func (b *bench) save() {
	key, rec := b.made()
	for b.Loop() {
		old := rec.Version
		rec.Version = newVersion()
		b.must(b.s.Save(b.Context(), key, old, rec))
	}
	b.holds(key, rec)
}

func (b *bench) touch() {
	key, rec := b.made()
	for b.Loop() {
		rec = extended(rec, 1)
		b.must(b.s.Touch(b.Context(), key, rec))
	}
	b.holds(key, rec)
}

func (b *bench) delete() {
	keys := make([]driver.Key, b.N)
	for i := range keys {
		keys[i], _ = b.made()
	}
	b.ResetTimer()
	for _, key := range keys {
		b.must(b.s.Delete(b.Context(), key, 0))
	}
	b.StopTimer()
	if _, err := b.s.Load(b.Context(), keys[0]); err == nil {
		b.Error("after the benchmark a deleted record still exists")
	}
}

func (b *bench) loadParallel() {
	keys := make([]driver.Key, benchKeys)
	recs := make([]driver.Record, benchKeys)
	for i := range keys {
		keys[i], recs[i] = b.made()
	}
	var turn atomic.Uint32
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := turn.Add(benchKeys / 8); pb.Next(); i++ {
			got, err := b.s.Load(b.Context(), keys[i%benchKeys])
			b.must(err)
			if got.Version != recs[i%benchKeys].Version {
				b.Error("Load returned a version other than the saved one")
			}
		}
	})
}

func (b *bench) createParallel() {
	rec := b.record()
	b.RunParallel(func(pb *testing.PB) {
		var key driver.Key
		for pb.Next() {
			key = newKey()
			b.must(b.s.Save(b.Context(), key, 0, rec))
		}
		if key != (driver.Key{}) {
			b.holds(key, rec)
		}
	})
}

// saveParallel replaces a separate record in each goroutine.
func (b *bench) saveParallel() {
	b.RunParallel(func(pb *testing.PB) {
		key, rec := b.made()
		for pb.Next() {
			old := rec.Version
			rec.Version = newVersion()
			b.must(b.s.Save(b.Context(), key, old, rec))
		}
		b.holds(key, rec)
	})
}

func (b *bench) touchParallel() {
	b.RunParallel(func(pb *testing.PB) {
		key, rec := b.made()
		for pb.Next() {
			rec = extended(rec, 1)
			b.must(b.s.Touch(b.Context(), key, rec))
		}
		b.holds(key, rec)
	})
}
