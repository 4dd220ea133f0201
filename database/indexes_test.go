//go:build unix

package database_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

func sqliteFile(url string) string {
	file, _, _ := strings.Cut(strings.TrimPrefix(url, "sqlite:///"), "?")
	return file
}

// walPages returns how many pages f adds to the write-ahead log.
func walPages(t *testing.T, file string, f func()) float64 {
	size := func() int64 {
		info, err := os.Stat(file + "-wal")
		must(t, err)
		return info.Size()
	}
	before := size()
	f()
	return float64(size()-before) / (4096 + 24)
}

// An update of only the data does not change SQLite's indexes: it writes one page, while
// an update with the indexes writes several.
func TestSQLiteWritesOnePageForData(t *testing.T) {
	url := sqliteURL(t, "")
	s := openURL(t, url)
	for range 500 { // enough that tables and indexes are of several pages
		must(t, s.Save(t.Context(), newKey(), 0, record(strings.Repeat("x", 100))))
	}
	key, rec := newKey(), record("first")
	must(t, s.Save(t.Context(), key, 0, rec))
	admin, err := sql.Open("sqlite3", sqliteFile(url))
	must(t, err)
	defer admin.Close()
	_, err = admin.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	must(t, err)
	must(t, s.Touch(t.Context(), key, rec)) // begins the log

	const times = 20
	update := func(hint bool) func() {
		return func() {
			for range times {
				loaded, err := s.Load(t.Context(), key)
				must(t, err)
				now := loaded
				now.Data, now.Version = []byte("again"), newVersion()
				if !hint {
					now.Hint = nil
					now.Expires++
				}
				must(t, s.Save(t.Context(), key, loaded.Version, now))
			}
		}
	}
	alone := walPages(t, sqliteFile(url), update(true)) / times
	all := walPages(t, sqliteFile(url), update(false)) / times
	t.Logf("%.1f pages for an update of data, %.1f for one of the expiry too", alone, all)
	if alone > 1.05 || all < 2 {
		t.Errorf("got %.1f pages for an update of data, want 1; got %.1f for one of the expiry too, want 2 or more", alone, all)
	}
}

// In PostgreSQL, such an update is heap-only: it adds nothing to an index.
func TestPostgresUpdatesHeapOnly(t *testing.T) {
	e := engines[0]
	addr, table := e.shared(t).Addr, fresh()
	s := openURL(t, e.url(addr, "pool=1&table="+table))
	key, rec := newKey(), record("first")
	must(t, s.Save(t.Context(), key, 0, rec))
	for range 50 {
		now := rec
		now.Version = newVersion()
		must(t, s.Save(t.Context(), key, rec.Version, now))
		rec = now
	}
	must(t, s.Close()) // its server process reports statistics when it ends
	admin, err := sql.Open(e.sql, e.dsn(addr))
	must(t, err)
	defer admin.Close()
	eventually(t, "heap-only updates", func() error {
		var all, hot int
		must(t, admin.QueryRow("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1", table).Scan(&all, &hot))
		if all != 50 || hot < 45 {
			return errors.New("too few, or not yet reported")
		}
		return nil
	})
}

// Queries by owner and by expiry use an index.
func TestQueriesUseIndexes(t *testing.T) {
	for _, q := range []struct{ where, index string }{
		{"expires <= 1", "_expires"},
		{"owner = x'61' AND owner <> x''", "_owner"},
	} {
		url := sqliteURL(t, "")
		must(t, openURL(t, url).Save(t.Context(), newKey(), 0, record("x")))
		db, err := sql.Open("sqlite3", sqliteFile(url))
		must(t, err)
		defer db.Close()
		var a, b, c, plan any
		must(t, db.QueryRow("EXPLAIN QUERY PLAN SELECT data FROM sessions WHERE namespace = '' AND "+q.where).Scan(&a, &b, &c, &plan))
		if s, _ := plan.(string); !strings.Contains(s, "sessions"+q.index) {
			t.Errorf("%s: got plan %v, want an index scan", q.where, plan)
		}
	}
}

// While another process writes, reads do not wait. A write waits until its context
// ends.
func TestSQLiteReadsDoNotWaitForAWriter(t *testing.T) {
	url := sqliteURL(t, "")
	s := openURL(t, url)
	key, rec := newKey(), record("x")
	must(t, s.Save(t.Context(), key, 0, rec))
	admin, err := sql.Open("sqlite3", sqliteFile(url)+"?_txlock=immediate")
	must(t, err)
	defer admin.Close()
	tx, err := admin.Begin()
	must(t, err)
	_, err = tx.Exec("DELETE FROM sessions")
	must(t, err)
	began := time.Now()
	for range 100 {
		_, err := s.Load(t.Context(), key)
		must(t, err)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("100 reads took %v", d)
	}
	err = quickly(t, "Save", func(ctx context.Context) error { return s.Touch(ctx, key, rec) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Touch while another process writes: got error %v", err)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = tx.Rollback() })
	must(t, s.Touch(t.Context(), key, rec)) // waits, then goes through
}

// A listing holds no connection while it yields.
func TestListingWithOneConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, _ database.Dialect, url func(string) string, _ *sql.DB) {
		s := openURL(t, url("pool=1&table="+fresh()))
		for range 250 { // several pages
			must(t, s.Save(t.Context(), newKey(), 0, record("x")))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		n := 0
		for e, err := range s.(driver.Owners).Owned(ctx, "user:42") {
			must(t, err)
			must(t, s.Delete(ctx, e.Key, e.Record.Version))
			n++
		}
		if n != 250 {
			t.Errorf("got %d records, want 250", n)
		}
	})
}
