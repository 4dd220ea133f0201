//go:build unix

package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

// The benchmarks compare requests through the middleware with the prepared statements
// that such a request needs. The two alternate within one run.

const visits sessions.Key[int] = "visits"

// rig has a handler with sessions, and raw statements for the same table.
type rig struct {
	handler         http.Handler
	cookie          string
	selectRow, save *sql.Stmt
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func newRig(b *testing.B, url, table, name, dsn string) *rig {
	m, err := sessions.New(b.Context(), sessions.Options{Store: "database", URL: url, IdleTimeout: time.Hour})
	must(b, err)
	b.Cleanup(func() { m.Close() })
	r := &rig{}
	payload := string(make([]byte, 900)) // records of about 1 KB
	r.handler = m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		s := sessions.FromContext(q.Context())
		switch q.URL.Path {
		case "/new":
			s.Set("payload", payload)
			visits.Set(s, 1)
		case "/read":
			if n, ok := visits.Get(s); !ok || n == 0 {
				panic("the session has no visits")
			}
		case "/write":
			visits.Update(s, func(n int) int { return n + 1 })
		}
	}))
	r.cookie = r.fresh(b)

	db, err := sql.Open(name, dsn)
	must(b, err)
	db.SetMaxIdleConns(20)
	db.SetMaxOpenConns(20)
	b.Cleanup(func() { db.Close() })
	query := "SELECT version, created, accessed, expires, owner, data FROM " + table + " WHERE namespace = $1 AND id = $2 AND expires > $3"
	update := "UPDATE " + table + " SET version = $1, created = $2, accessed = $3, data = $4 WHERE namespace = $5 AND id = $6 AND version = $7 AND expires > $8"
	if name == "mysql" {
		query = "SELECT version, created, accessed, expires, owner, data FROM " + table + " WHERE namespace = ? AND id = ? AND expires > ?"
		update = "UPDATE " + table + " SET version = ?, created = ?, accessed = ?, data = ? WHERE namespace = ? AND id = ? AND version = ? AND expires > ?"
	}
	r.selectRow, err = db.Prepare(query)
	must(b, err)
	r.save, err = db.Prepare(update)
	must(b, err)
	return r
}

// fresh creates a session through the middleware, and returns its cookie.
func (r *rig) fresh(b *testing.B) string {
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/new", nil))
	c := rec.Result().Cookies()
	if len(c) == 0 {
		b.Fatal(rec.Code, rec.Body)
	}
	return c[0].Name + "=" + c[0].Value
}

func request(path, cookie string) *http.Request {
	q := httptest.NewRequest("GET", path, nil)
	q.Header.Set("Cookie", cookie)
	return q
}

func (r *rig) serve(q *http.Request) {
	w := discard{make(http.Header, 4)}
	r.handler.ServeHTTP(&w, q)
}

// rawRead is one SELECT.
func (r *rig) rawRead(ctx context.Context, key []byte) (version int64, data []byte, err error) {
	var created, accessed, expires int64
	var owner []byte
	err = r.selectRow.QueryRowContext(ctx, "", key, time.Now().UnixMilli()).Scan(&version, &created, &accessed, &expires, &owner, &data)
	return version, data, err
}

// rawWrite is a SELECT, and an UPDATE of its row.
func (r *rig) rawWrite(ctx context.Context, key []byte, next int64) error {
	version, data, err := r.rawRead(ctx, key)
	if err != nil {
		return err
	}
	res, err := r.save.ExecContext(ctx, next, time.Now().UnixMilli(), time.Now().UnixMilli(), data, "", key, version, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		return fmt.Errorf("UPDATE changed %d rows, %v", n, err)
	}
	return nil
}

// keyOf returns the key of the session that was created last.
func keyOf(b *testing.B, url string, seen map[driver.Key]bool) []byte {
	s := openURL(b, url)
	for e, err := range s.(driver.Lister).All(b.Context()) {
		must(b, err)
		if !seen[e.Key] {
			seen[e.Key] = true
			return e.Key[:]
		}
	}
	b.Fatal("no new row")
	return nil
}

// measured compares requests with raw statements, with and without a deadline in the
// context. Rounds of the three alternate, so that other load on the machine affects
// all of them. It reports the medians.
func measured(b *testing.B, round func(f func()) time.Duration, ours func(), raw func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	what := []func(){ours, func() { raw(context.Background()) }, func() { raw(ctx) }}
	took := make([][]time.Duration, len(what))
	for b.Loop() {
		for i, f := range what {
			took[i] = append(took[i], round(f))
		}
	}
	median := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2])
	}
	b.ReportMetric(median(0)/1000, "µs-middleware")
	b.ReportMetric(median(1)/1000, "µs-raw")
	b.ReportMetric(median(2)/1000, "µs-raw-with-context")
	b.ReportMetric(median(0)/median(1), "x-raw")
	b.ReportMetric(median(0)/median(2), "x-raw-with-context")
	b.ReportMetric(0, "ns/op")
}

func inTurns(b *testing.B, ours func(), raw func(context.Context)) {
	const calls = 20
	measured(b, func(f func()) time.Duration {
		began := time.Now()
		for range calls {
			f()
		}
		return time.Since(began) / calls
	}, ours, raw)
}

// together measures calls from many goroutines at once.
func together(b *testing.B, ours func(worker int), raw func(ctx context.Context, worker int)) {
	const workers, calls = 16, 2000
	free := make(chan int, workers)
	for i := range workers {
		free <- i
	}
	measured(b, func(f func()) time.Duration {
		var n atomic.Int64
		var wg sync.WaitGroup
		began := time.Now()
		for range workers {
			wg.Go(func() {
				for n.Add(1) <= calls {
					f()
				}
			})
		}
		wg.Wait()
		return time.Since(began) / calls
	}, func() { i := <-free; ours(i); free <- i }, func(ctx context.Context) { i := <-free; raw(ctx, i); free <- i })
}

func BenchmarkMiddleware(b *testing.B) {
	for _, on := range []struct {
		name string
		url  func(table string) string
		sql  string
		dsn  func(url string) string
	}{
		{"SQLite", func() func(string) string {
			base := ""
			return func(table string) string {
				if base == "" {
					base = sqliteURL(b, "table=")
				}
				return base + table
			}
		}(), "sqlite3", func(url string) string {
			file := url[len("sqlite:///"):]
			return "file:" + file[:len(file)-len(file[indexByte(file, '?'):])] + "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000"
		}},
		{"PostgreSQL", func(table string) string { return onPostgres(b, "table="+table) }, "postgres",
			func(string) string { return engines[0].dsn(engines[0].shared(b).Addr) + "&binary_parameters=yes" }},
		{"MySQL", func(table string) string { return onMySQL(b, "table="+table) }, "mysql",
			func(string) string { return engines[1].dsn(engines[1].shared(b).Addr) }},
	} {
		b.Run(on.name, func(b *testing.B) {
			table := fresh()
			url := on.url(table)
			r := newRig(b, url, table, on.sql, on.dsn(url))
			// Each side has its own rows, because the raw statements write neither valid
			// versions nor checksums.
			seen := map[driver.Key]bool{}
			keyOf(b, url, seen)
			reads, writes, keys := make([]*http.Request, 16), make([]*http.Request, 16), make([][]byte, 16)
			for i := range reads {
				cookie := r.fresh(b)
				reads[i], writes[i] = request("/read", cookie), request("/write", cookie)
				keyOf(b, url, seen)
			}
			for i := range keys {
				r.fresh(b)
				keys[i] = keyOf(b, url, seen)
			}
			try := func(err error) {
				if err != nil {
					b.Error(err)
				}
			}
			var next atomic.Int64
			next.Store(time.Now().UnixNano())
			b.Run("read", func(b *testing.B) {
				q := request("/read", r.cookie)
				inTurns(b, func() { r.serve(q) }, func(ctx context.Context) { _, _, err := r.rawRead(ctx, keys[0]); try(err) })
			})
			b.Run("write", func(b *testing.B) {
				q := request("/write", r.cookie)
				inTurns(b, func() { r.serve(q) }, func(ctx context.Context) { try(r.rawWrite(ctx, keys[0], next.Add(1))) })
			})
			b.Run("read/parallel", func(b *testing.B) {
				together(b, func(i int) { r.serve(reads[i]) },
					func(ctx context.Context, i int) { _, _, err := r.rawRead(ctx, keys[i]); try(err) })
			})
			if on.name == "SQLite" {
				return // one writer at a time: see write
			}
			b.Run("write/parallel", func(b *testing.B) {
				together(b, func(i int) { r.serve(writes[i]) },
					func(ctx context.Context, i int) { try(r.rawWrite(ctx, keys[i], next.Add(1))) })
			})
		})
	}
}

func BenchmarkStore(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { sessionstest.Benchmark(b, on(sqliteURL, "")) })
	b.Run("PostgreSQL", func(b *testing.B) { sessionstest.Benchmark(b, on(onPostgres, "")) })
	b.Run("MySQL", func(b *testing.B) { sessionstest.Benchmark(b, on(onMySQL, "")) })
}

func indexByte(s string, c byte) int { return slices.Index([]byte(s), c) }
