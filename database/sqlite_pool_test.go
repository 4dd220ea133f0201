//go:build unix && cgo

package database_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

// If each connection had its own database, a session would exist on one connection and
// not on another.
func TestSQLitePoolsShareOneDatabase(t *testing.T) {
	for dsn, most := range map[string]map[int]bool{
		":memory:":                          {0: false, 2: false, 1: true},
		"file::memory:":                     {0: false},
		"file:?mode=memory":                 {0: false},
		"":                                  {0: false, 1: true}, // a temporary file each
		"file:one?mode=memory&cache=shared": {0: true, 1: true},
		"file::memory:?cache=shared":        {0: true},
		"file:/memdb?vfs=memdb":             {0: true},
		filepath.Join(t.TempDir(), "s.db"):  {0: true},
		filepath.Join(t.TempDir(), "no", "where"): {0: true}, // calls fail
	} {
		for n, shared := range most {
			db, err := sql.Open("sqlite3", dsn)
			must(t, err)
			db.SetMaxOpenConns(n)
			began := time.Now()
			s, err := database.New(db, database.SQLite, database.Options{}).Open(t.Context(), driver.Config{SweepInterval: -1}.WithDefaults())
			switch {
			case shared != (err == nil):
				t.Errorf("%q, %d connections: got error %v", dsn, n, err)
			case !shared && !strings.Contains(err.Error(), "SetMaxOpenConns(1)"):
				t.Errorf("%q: %v", dsn, err)
			case time.Since(began) > 3*time.Second:
				t.Errorf("%q: Open took %v", dsn, time.Since(began))
			}
			if err == nil {
				var tables int
				if db.QueryRow("SELECT COUNT(*) FROM sqlite_master").Scan(&tables) == nil && tables != 0 {
					t.Errorf("%q: Open left %d tables", dsn, tables)
				}
				must(t, s.Close())
			}
			must(t, db.Close())
		}
	}
}

// If a pool keeps no connection open, a database in memory is lost after each use.
func TestSQLitePoolKeepsItsDatabase(t *testing.T) {
	for dsn, kept := range map[string]bool{
		":memory:": false, "file:two?mode=memory&cache=shared": false, filepath.Join(t.TempDir(), "s.db"): true,
	} {
		db, err := sql.Open("sqlite3", dsn)
		must(t, err)
		defer db.Close()
		db.SetMaxOpenConns(1)
		db.SetMaxIdleConns(-1)
		s, err := database.New(db, database.SQLite, database.Options{}).Open(t.Context(), driver.Config{SweepInterval: -1}.WithDefaults())
		if kept != (err == nil) || err != nil && !strings.Contains(err.Error(), "SetMaxIdleConns(1)") {
			t.Errorf("%q: %v", dsn, err)
		}
		if err == nil {
			must(t, s.Close())
		}
	}
}

// Open does not wait for a pool whose connections are all in use.
func TestOpenWithPoolInUse(t *testing.T) {
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "s.db"))
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(2)
	for range 2 {
		c, err := db.Conn(t.Context())
		must(t, err)
		defer c.Close()
	}
	began := time.Now()
	open(t, database.New(db, database.SQLite, database.Options{}), driver.Config{})
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("Open took %v", d)
	}
}

// A call inside a transaction that holds the pool's only connection fails when its
// context ends, and writes nothing.
func TestCallInsideTransactionOfItsPool(t *testing.T) {
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "s.db"))
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	s := open(t, database.New(db, database.SQLite, database.Options{}), driver.Config{})
	key, rec := newKey(), record("x")
	must(t, s.Save(t.Context(), key, 0, rec))
	tx, err := db.Begin()
	must(t, err)
	err = quickly(t, "Save", func(ctx context.Context) error { return s.Save(ctx, key, rec.Version, record("y")) })
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, driver.ErrNotWritten) {
		t.Errorf("Save: got error %v", err)
	}
	must(t, tx.Rollback())
	must(t, s.Save(t.Context(), key, rec.Version, record("y")))
}

func TestSQLiteURLOpensStore(t *testing.T) {
	m, err := sessions.New(t.Context(), sessions.Options{URL: "sqlite:///alone.db", DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
