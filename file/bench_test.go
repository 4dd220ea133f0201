package file

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// The benchmarks alternate between requests through the whole middleware and raw
// operations on a file with the same bytes, so that other load on the machine
// affects both alike. They report medians, and the ratios of medians and of means.

const visits sessions.Key[int] = "visits"

// sink is a minimal http.ResponseWriter.
type sink struct{ header http.Header }

func (w *sink) Header() http.Header         { return w.header }
func (w *sink) Write(b []byte) (int, error) { return len(b), nil }
func (w *sink) WriteHeader(int)             {}

// served is an application with one session.
type served struct {
	b       *testing.B
	handler http.Handler
	request *http.Request
	act     func(*sessions.Session)
	dir     string
	raw     string     // the path of a file with the record's bytes
	slots   string     // the path of a file with two slots, which are written in turn
	kept    recordFile // such a file that is open
	turn    int64
	made    int // files that rawCreate created
	bytes   []byte
	trust   trust
}

func serve(b *testing.B, dir string, o Options) *served {
	m, err := sessions.New(b.Context(), sessions.Options{
		Driver: New(o), DataDir: filepath.Join(dir, "data"), SweepInterval: -1,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	a := &served{b: b, dir: dir}
	info, err := os.Stat(dir)
	if err != nil {
		b.Fatal(err)
	}
	a.trust = trustOf(info)
	a.handler = m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.act(sessions.FromContext(r.Context()))
		w.WriteHeader(http.StatusNoContent)
	}))
	a.request, err = http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		b.Fatal(err)
	}
	var token string
	a.act = func(s *sessions.Session) {
		visits.Set(s, 1)
		s.Set("user", "somebody@example.com")
		s.Set("cart", []string{"three", "things", "or so"})
		token = s.Token()
	}
	a.serve()
	a.request.Header.Set("Cookie", "pump-session="+token)

	records := files(b, filepath.Join(dir, "data", "records"))
	if len(records) != 1 {
		b.Fatalf("records: %q", records)
	}
	f, err := openRecord(records[0], a.trust, false, false)
	if err == nil {
		var has found
		if has, err = readCurrent(f.size, true, nil, f.readAt); err == nil {
			a.bytes = has.record
		}
		f.close()
	}
	if err != nil {
		b.Fatal(err)
	}
	// In as many directories as the record.
	a.raw = filepath.Join(dir, "data", "raw", "ab", filepath.Base(records[0]))
	if err := os.MkdirAll(filepath.Dir(a.raw), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(a.raw, a.bytes, 0o600); err != nil {
		b.Fatal(err)
	}
	// As the store allocates it.
	a.slots = a.raw + ".slots"
	for _, path := range []string{a.slots, a.slots + ".kept"} {
		if _, err := writeNew(path, make([]byte, 2*minSyncSlot), true, false); err != nil {
			b.Fatal(err)
		}
	}
	if a.kept, err = openRecord(a.slots+".kept", a.trust, true, false); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.kept.close)
	return a
}

func (a *served) serve() { a.handler.ServeHTTP(&sink{make(http.Header)}, a.request) }

func (a *served) must(err error) {
	if err != nil {
		a.b.Fatal(err)
	}
}

func (a *served) rawRead(buf []byte) {
	f, err := os.Open(a.raw)
	a.must(err)
	_, err = f.Read(buf)
	a.must(err)
	a.must(f.Close())
}

func (a *served) rawReplace(sync bool) {
	temp := a.raw + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	a.must(err)
	_, err = f.Write(a.bytes)
	a.must(err)
	if sync {
		a.must(f.Sync())
	}
	a.must(f.Close())
	a.must(os.Rename(temp, a.raw))
	if sync {
		a.must(syncDir(filepath.Dir(a.raw)))
	}
}

// rawOverwrite writes the bytes in place, into a file that it opens, and with sync
// flushes them.
func (a *served) rawOverwrite(sync bool) {
	f, err := openRecord(a.slots, a.trust, true, false)
	a.must(err)
	a.overwrite(&f, sync)
	f.close()
}

// rawKept does so in a file that is open.
func (a *served) rawKept(sync bool) { a.overwrite(&a.kept, sync) }

func (a *served) overwrite(f *recordFile, sync bool) {
	a.turn++
	a.must(f.writeAt(a.bytes, a.turn%2*minSyncSlot))
	if sync {
		a.must(f.flush())
	}
}

// rawCreate creates a file with the bytes.
func (a *served) rawCreate() {
	a.made++
	_, err := writeNew(fmt.Sprint(a.raw, a.made), a.bytes, false, false)
	a.must(err)
}

// loadAndSave returns a function that reads and writes a record with the bytes,
// without the middleware.
func (a *served) loadAndSave(o Options) (func(), error) {
	s, err := openDir(filepath.Join(a.dir, "store"), o)
	if err != nil {
		return nil, err
	}
	a.b.Cleanup(func() { s.Close() })
	rec := until(soon(time.Hour))
	rec.Data = a.bytes
	key := driver.Key{1}
	return func() {
		_, err := s.Load(ctx, key)
		a.must(err)
		rec.Version++
		a.must(s.Save(ctx, key, rec.Version-1, rec))
	}, s.Save(ctx, key, 0, rec)
}

// samples are the durations of one operation.
type samples []time.Duration

func (s *samples) take(f func()) {
	began := time.Now()
	f()
	*s = append(*s, time.Since(began))
}

func (s samples) median() float64 {
	slices.Sort(s)
	return float64(s[len(s)/2])
}

func (s samples) mean() (sum float64) {
	for _, d := range s {
		sum += float64(d)
	}
	return sum / float64(len(s))
}

// disks runs a benchmark on the disk of temporary files and, if the system has
// /dev/shm, in memory, which shows what the store itself takes.
func disks(b *testing.B, f func(b *testing.B, dir string)) {
	b.Run("disk", func(b *testing.B) { f(b, b.TempDir()) })
	if dir, err := os.MkdirTemp("/dev/shm", "bench"); err == nil {
		b.Cleanup(func() { os.RemoveAll(dir) })
		b.Run("shm", func(b *testing.B) {
			dir, err := os.MkdirTemp(dir, "")
			if err != nil {
				b.Fatal(err)
			}
			f(b, dir)
		})
	}
}

// inTurns calls the functions in an order that changes from one round to the next.
func inTurns(b *testing.B, fs ...func()) {
	for first := 0; b.Loop(); first++ {
		for i := range fs {
			fs[(first+i)%len(fs)]()
		}
	}
}

// BenchmarkSessionNew creates sessions, and plain files in one directory.
func BenchmarkSessionNew(b *testing.B) {
	disks(b, func(b *testing.B, dir string) {
		a := serve(b, dir, Options{})
		a.act = func(s *sessions.Session) { visits.Set(s, 1) }
		a.request.Header.Del("Cookie")
		for range 2000 { // which create the directories and the locks
			a.serve()
		}
		var session, create samples
		inTurns(b, func() { session.take(a.serve) }, func() { create.take(a.rawCreate) })
		if n := len(files(b, filepath.Join(dir, "data", "records"))); n != 1+2000+len(session) {
			b.Fatalf("%d files of %d sessions", n, 1+2000+len(session))
		}
		b.ReportMetric(session.median(), "session-ns")
		b.ReportMetric(create.median(), "create-ns")
		b.ReportMetric(session.median()/create.median(), "x-create")
		b.ReportMetric(session.mean()/create.mean(), "x-create-mean")
	})
}

func BenchmarkSessionRead(b *testing.B) {
	disks(b, func(b *testing.B, dir string) {
		a := serve(b, dir, Options{})
		a.act = func(s *sessions.Session) {
			if n, ok := visits.Get(s); !ok || n != 1 {
				b.Fatal(n, s.Err())
			}
		}
		buf := make([]byte, 2*len(a.bytes))
		var session, read samples
		for b.Loop() {
			read.take(func() { a.rawRead(buf) })
			session.take(a.serve)
		}
		b.ReportMetric(session.median(), "session-ns")
		b.ReportMetric(read.median(), "read-ns")
		b.ReportMetric(session.median()/read.median(), "x-read")
		b.ReportMetric(session.mean()/read.mean(), "x-read-mean")
		b.ReportMetric((session.median()-1.5*read.median())/1000, "µs-over-1.5x")
	})
}

func BenchmarkSessionWrite(b *testing.B) {
	for _, sync := range []bool{false, true} {
		name := "kill-safe"
		if sync {
			name = "power-safe"
		}
		b.Run(name, func(b *testing.B) {
			disks(b, func(b *testing.B, dir string) {
				o := Options{Sync: sync}
				a := serve(b, dir, o)
				n := 0
				a.act = func(s *sessions.Session) {
					n = visits.Update(s, func(n int) int { return n%1000 + 1 })
				}
				var session, store, replace, overwrite, kept samples
				load, err := a.loadAndSave(o)
				if err != nil {
					b.Fatal(err)
				}
				inTurns(b, // since a flush affects the next one
					func() { replace.take(func() { a.rawReplace(sync) }) },
					func() { overwrite.take(func() { a.rawOverwrite(sync) }) },
					func() { session.take(a.serve) },
					func() { store.take(load) },
					func() { kept.take(func() { a.rawKept(sync) }) },
				)
				if n == 0 {
					b.Fatal("nothing was written")
				}
				b.ReportMetric(session.median(), "session-ns")
				b.ReportMetric(replace.median(), "replace-ns")
				b.ReportMetric(overwrite.median(), "overwrite-ns")
				b.ReportMetric(kept.median(), "kept-ns")
				b.ReportMetric(store.median(), "store-ns")
				b.ReportMetric(store.median()/overwrite.median(), "store-x-overwrite")
				b.ReportMetric(session.median()/replace.median(), "x-replace")
				b.ReportMetric(session.median()/overwrite.median(), "x-overwrite")
				b.ReportMetric(session.median()/kept.median(), "x-kept")
				b.ReportMetric(session.mean()/replace.mean(), "x-replace-mean")
				b.ReportMetric(session.mean()/overwrite.mean(), "x-overwrite-mean")
			})
		})
	}
}
