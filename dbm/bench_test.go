package dbm_test

import (
	"crypto/rand"
	"math"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbm"
)

// The benchmarks alternate between requests through the whole middleware and bbolt
// operations on a value of the same size. The limits: a read takes at most 3 µs more
// than View, a write at most 1.25 times as long as Update, and 64 writers do at least
// 4 times as many writes as with Update.

const (
	benchSessions = 1000
	benchWriters  = 64
)

// rig is a handler with sessions, and a bbolt database with as many values.
type rig struct {
	handler http.Handler
	reads   []*http.Request
	writes  []*http.Request
	raw     *bbolt.DB
	keys    [][]byte
	value   []byte
}

var (
	text    sessions.Key[string] = "text"
	rawName                      = []byte("raw")
)

func newRig(b *testing.B) *rig {
	dir := b.TempDir()
	m, err := sessions.New(b.Context(), sessions.Options{
		Store: "dbm", DataDir: filepath.Join(dir, "sessions"),
		Cookie: sessions.Cookie{Secret: []byte("0123456789abcdef0123456789abcdef")},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	r := &rig{value: make([]byte, 1000)}
	r.handler = m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s := sessions.FromContext(req.Context())
		if req.Method == http.MethodGet {
			if v, ok := text.Get(s); !ok || len(v) != len(r.value) {
				panic("a session is missing")
			}
		} else {
			text.Set(s, rand.Text()+string(r.value[26:]))
		}
		w.WriteHeader(http.StatusOK)
	}))
	if r.raw, err = bbolt.Open(filepath.Join(dir, "raw.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.raw.Close() })
	r.keys = make([][]byte, benchSessions)
	r.reads, r.writes = make([]*http.Request, benchSessions), make([]*http.Request, benchSessions)
	var all sync.WaitGroup
	for i := range r.reads {
		all.Go(func() {
			w := &response{header: http.Header{}}
			req, _ := http.NewRequest(http.MethodPost, "/", nil)
			r.handler.ServeHTTP(w, req)
			cookies := (&http.Response{Header: w.header}).Cookies()
			if w.status != http.StatusOK || len(cookies) != 1 {
				panic("no session was created")
			}
			r.reads[i], _ = http.NewRequest(http.MethodGet, "/", nil)
			r.reads[i].AddCookie(cookies[0])
			r.writes[i], _ = http.NewRequest(http.MethodPost, "/", nil)
			r.writes[i].AddCookie(cookies[0])
		})
	}
	all.Wait()
	err = r.raw.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket(rawName)
		for i := range r.keys {
			r.keys[i] = make([]byte, 32)
			rand.Read(r.keys[i])
			if err == nil {
				err = bucket.Put(r.keys[i], r.value)
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// response is a minimal http.ResponseWriter.
type response struct {
	header http.Header
	status int
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) Write(p []byte) (int, error) { return len(p), nil }
func (w *response) WriteHeader(status int)      { w.status = status }

func (r *rig) request(reqs []*http.Request, i int) {
	w := response{header: http.Header{}}
	r.handler.ServeHTTP(&w, reqs[i%benchSessions])
	if w.status != http.StatusOK {
		panic("status " + http.StatusText(w.status))
	}
}

func (r *rig) view(i int) {
	var got []byte
	r.raw.View(func(tx *bbolt.Tx) error {
		got = append(got, tx.Bucket(rawName).Get(r.keys[i%benchSessions])...)
		return nil
	})
	if len(got) != len(r.value) {
		panic("a value is missing")
	}
}

func (r *rig) put(run func(func(*bbolt.Tx) error) error, i int) {
	if err := run(func(tx *bbolt.Tx) error { return tx.Bucket(rawName).Put(r.keys[i%benchSessions], r.value) }); err != nil {
		panic(err)
	}
}

// BenchmarkRead measures requests that read one value, one after another. It reports
// the fastest of many runs, so that other load on the machine has no effect.
func BenchmarkRead(b *testing.B) {
	r := newRig(b)
	const run = 100 // reading the clock takes as long as one read
	raw, ours := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for n := 0; b.Loop(); n += run {
		began := time.Now()
		for i := range run {
			r.view(n + i)
		}
		between := time.Now()
		for i := range run {
			r.request(r.reads, n+i)
		}
		raw, ours = min(raw, between.Sub(began)), min(ours, time.Since(between))
	}
	b.ReportMetric(float64(raw.Nanoseconds())/run, "View-ns")
	b.ReportMetric(float64(ours.Nanoseconds())/run, "request-ns")
	b.ReportMetric(float64((ours-raw).Nanoseconds())/run, "over-View-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWrite measures requests that change one value, one after another.
func BenchmarkWrite(b *testing.B) {
	r := newRig(b)
	var raw, ours time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		r.put(r.raw.Update, n)
		between := time.Now()
		r.request(r.writes, n)
		raw, ours = raw+between.Sub(began), ours+time.Since(between)
		n++
	}
	b.ReportMetric(float64(raw.Microseconds())/float64(n), "Update-µs")
	b.ReportMetric(float64(ours.Microseconds())/float64(n), "request-µs")
	b.ReportMetric(float64(ours)/float64(raw), "x-Update")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWriters measures 64 clients that change their sessions concurrently.
func BenchmarkWriters(b *testing.B) {
	r := newRig(b)
	rounds := map[string]func(i int){
		"update":  func(i int) { r.put(r.raw.Update, i) },
		"batch":   func(i int) { r.put(r.raw.Batch, i) },
		"request": func(i int) { r.request(r.writes, i) },
	}
	spent := map[string]time.Duration{}
	const each = 4 // requests of a client in a round
	n := 0
	for b.Loop() {
		for name, do := range rounds {
			began := time.Now()
			var clients sync.WaitGroup
			for c := range benchWriters {
				clients.Go(func() {
					for k := range each {
						do(n + c*each + k)
					}
				})
			}
			clients.Wait()
			spent[name] += time.Since(began)
		}
		n += benchWriters * each
	}
	for name, d := range spent {
		b.ReportMetric(float64(n)/d.Seconds(), name+"/s")
	}
	b.ReportMetric(float64(spent["update"])/float64(spent["request"]), "x-Update")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkOpen measures a read while the file is closed.
func BenchmarkOpen(b *testing.B) {
	m, err := sessions.New(b.Context(), sessions.Options{Driver: dbm.New(dbm.Options{Linger: time.Nanosecond}), DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var spent time.Duration
	n := 0
	for b.Loop() {
		time.Sleep(10 * time.Millisecond) // until it is closed
		began := time.Now()
		for range m.All(b.Context()) {
		}
		spent += time.Since(began)
		n++
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "open-read-µs")
	b.ReportMetric(0, "ns/op")
}
