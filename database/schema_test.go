//go:build unix

package database_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

const creatorEnv = "SESSIONS_DATABASE_CREATOR"

// Eight processes with four stores each use a missing table at the same time.
func TestManyProcessesCreateTable(t *testing.T) {
	if url := os.Getenv(creatorEnv); url != "" {
		createTogether(t, url)
		return
	}
	for name, url := range map[string]string{
		"SQLite":     sqliteURL(t, ""),
		"PostgreSQL": onPostgres(t, "table="+fresh()),
		"MySQL":      onMySQL(t, "table="+fresh()),
	} {
		t.Run(name, func(t *testing.T) {
			program, err := os.Executable()
			must(t, err)
			var wg sync.WaitGroup
			var gates []func() error
			for range 8 {
				cmd := exec.Command(program, "-test.run=^TestManyProcessesCreateTable$")
				cmd.Env = append(os.Environ(), creatorEnv+"="+url)
				in, err := cmd.StdinPipe()
				must(t, err)
				var out strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &out
				must(t, cmd.Start())
				gates = append(gates, in.Close)
				wg.Go(func() {
					if err := cmd.Wait(); err != nil {
						t.Errorf("%v\n%s", err, out.String())
					}
				})
			}
			for _, open := range gates {
				must(t, open())
			}
			wg.Wait()
			n := 0
			for _, err := range openURL(t, url).(driver.Lister).All(t.Context()) {
				must(t, err)
				n++
			}
			if n != 32 {
				t.Errorf("got %d records, want 32", n)
			}
		})
	}
}

func createTogether(t *testing.T, url string) {
	var stores []driver.Store
	for range 4 {
		stores = append(stores, openURL(t, url))
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until all are there
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			if err := s.Save(t.Context(), newKey(), 0, record("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// everywhere runs f on each database, with a connection of its administrator.
func everywhere(t *testing.T, f func(t *testing.T, d database.Dialect, url func(params string) string, admin *sql.DB)) {
	t.Run("SQLite", func(t *testing.T) {
		base := strings.TrimSuffix(sqliteURL(t, ""), "?")
		admin, err := sql.Open("sqlite3", strings.TrimPrefix(base, "sqlite:///")+"?_busy_timeout=5000")
		must(t, err)
		defer admin.Close()
		f(t, database.SQLite, func(params string) string { return base + "?" + params }, admin)
	})
	onEngines(t, func(t *testing.T, e engine) {
		addr := e.shared(t).Addr
		admin, err := sql.Open(e.sql, e.dsn(addr))
		must(t, err)
		defer admin.Close()
		f(t, e.dialect, func(params string) string { return e.url(addr, params) }, admin)
	})
}

// The statements of DDL are sufficient for a program that may not create tables.
func TestTablesCreatedFromDDL(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		table := fresh()
		s := openURL(t, url("create=no&table="+table))
		key, rec := newKey(), record("x")
		if err := s.Save(t.Context(), key, 0, rec); !errors.Is(err, database.ErrNoTables) {
			t.Errorf("Save without a table: got error %v, want ErrNoTables", err)
		}
		ddl, err := database.DDL(d, database.Options{Table: table})
		must(t, err)
		for range 2 { // again without harm
			for q := range strings.SplitSeq(strings.TrimSuffix(ddl, ";\n"), ";\n") {
				_, err := admin.Exec(q)
				must(t, err)
			}
		}
		must(t, s.Save(t.Context(), key, 0, rec))
		_, err = s.Load(t.Context(), key)
		must(t, err)
	})
}

// A URL with one slash too many has a path that begins with two slashes.
func TestSQLitePathWithTwoSlashes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	must(t, openURL(t, "sqlite:////"+file).Save(t.Context(), newKey(), 0, record("x")))
	if _, err := os.Lstat(file); err != nil {
		t.Error(err)
	}
}

// With create=no, the file is not created either.
func TestSQLiteFileIsNotCreatedWithNeverCreate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.db")
	s := openURL(t, "sqlite:///"+file+"?create=no")
	if _, err := s.Load(t.Context(), newKey()); !errors.Is(err, database.ErrNoTables) {
		t.Errorf("Load: got error %v", err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat of the file: got error %v, want that it does not exist", err)
	}
}

// A table of a newer version of this package is not changed.
func TestTableOfNewerVersionIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		table := fresh()
		must(t, openURL(t, url("table="+table)).Save(t.Context(), newKey(), 0, record("x")))
		_, err := admin.Exec("INSERT INTO " + table + "_schema (version) VALUES (2)")
		must(t, err)
		s := openURL(t, url("table="+table))
		if _, err := s.Load(t.Context(), newKey()); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Load: got error %v", err)
		}
		if err := s.Save(t.Context(), newKey(), 0, record("x")); !errors.Is(err, driver.ErrNewerFormat) {
			t.Errorf("Save: got error %v", err)
		}
	})
}

// Another program's table of the same name is not changed, and the error says what to
// do. This one is that of scs, which has the default name.
func TestTableOfAnotherProgramIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		table := fresh()
		ddl := "(token VARCHAR(43) PRIMARY KEY, data BLOB, expiry REAL)"
		if d == database.PostgreSQL {
			ddl = "(token TEXT PRIMARY KEY, data BYTEA, expiry TIMESTAMPTZ)"
		}
		_, err := admin.Exec("CREATE TABLE " + table + " " + ddl)
		must(t, err)
		s := openURL(t, url("table="+table))
		want := "the table " + table + " belongs to another program"
		if err := s.Save(t.Context(), newKey(), 0, record("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Save: got error %v", err)
		}
		if _, err := s.Load(t.Context(), newKey()); err == nil || !strings.Contains(err.Error(), "Options.Table") {
			t.Errorf("Load: got error %v", err)
		}
		if _, err := admin.Exec("SELECT version FROM " + table + "_schema"); err == nil {
			t.Error("more tables were created")
		}
	})
}

// A record of a newer format is not reported as damaged.
func TestRecordOfNewerFormat(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		table := fresh()
		s := openURL(t, url("table="+table))
		key := newKey()
		must(t, s.Save(t.Context(), key, 0, record("x")))
		literal := map[database.Dialect]string{database.PostgreSQL: `'\x0201'`}[d]
		if literal == "" {
			literal = "x'0201'"
		}
		_, err := admin.Exec("UPDATE " + table + " SET data = " + literal)
		must(t, err)
		if _, err := s.Load(t.Context(), key); !errors.Is(err, driver.ErrNewerFormat) || errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("Load: got error %v", err)
		}
	})
}

// Reserved words and the longest names work. Invalid names are refused before they are
// part of a statement.
func TestTableNames(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		for _, table := range []string{"select", "Order", "_", "T1", strings.Repeat("a", 48)} {
			s := openURL(t, url("table="+table))
			key, rec := newKey(), record("x")
			must(t, s.Save(t.Context(), key, 0, rec))
			_, err := s.Load(t.Context(), key)
			must(t, err)
			must(t, listed(t.Context(), s))
			_, err = s.(driver.Sweeper).Sweep(t.Context())
			must(t, err)
		}
	})
	for _, d := range []database.Dialect{database.SQLite, database.PostgreSQL, database.MySQL} {
		for _, bad := range []string{"1a", "a b", `a"b`, "a`b", "a;b", "a-b", "a.b", "é", "a\x00", "a'", strings.Repeat("a", 49), "x; DROP TABLE y --"} {
			if s, err := database.DDL(d, database.Options{Table: bad}); err == nil {
				t.Errorf("the table name %q was accepted: %s", bad, s)
			}
			if s, err := database.DDL(d, database.Options{Schema: bad + strings.Repeat("a", 20)}); err == nil {
				t.Errorf("the schema name %q was accepted: %s", bad, s)
			}
		}
	}
	if _, err := database.DDL("oracle", database.Options{}); err == nil {
		t.Error("an unknown dialect was accepted")
	}
}

func TestSchema(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		addr := e.shared(t).Addr
		admin, err := sql.Open(e.sql, e.dsn(addr))
		must(t, err)
		defer admin.Close()
		schema := fresh()
		_, err = admin.Exec("CREATE SCHEMA " + schema)
		must(t, err)
		s := openURL(t, e.url(addr, "schema="+schema))
		must(t, s.Save(t.Context(), newKey(), 0, record("x")))
		var n int
		must(t, admin.QueryRow("SELECT COUNT(*) FROM "+schema+".sessions").Scan(&n))
		if n != 1 {
			t.Errorf("got %d rows", n)
		}
	})
}

// Times do not depend on the time zone of the server, the connection or the process,
// because the columns are numbers.
func TestTimeZones(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		addr, table := e.shared(t).Addr, fresh()
		var stores []driver.Store
		for _, zone := range []string{"Pacific/Kiritimati", "America/New_York", "UTC"} {
			dsn := e.dsn(addr) + "&TimeZone=" + zone
			if e.dialect == database.MySQL {
				offset := map[string]string{"Pacific/Kiritimati": "%2B13:00", "America/New_York": "-05:00", "UTC": "%2B00:00"}[zone]
				dsn = e.dsn(addr) + "?parseTime=true&time_zone=%27" + offset + "%27"
			}
			db, err := sql.Open(e.sql, dsn)
			must(t, err)
			t.Cleanup(func() { db.Close() })
			stores = append(stores, open(t, database.New(db, e.dialect, database.Options{Table: table}), driver.Config{}))
		}
		for _, writer := range stores {
			key, rec := newKey(), record("x")
			must(t, writer.Save(t.Context(), key, 0, rec))
			for _, reader := range stores {
				got, err := reader.Load(t.Context(), key)
				must(t, err)
				if got.Expires != rec.Expires || got.Created != rec.Created || got.Accessed != rec.Accessed {
					t.Errorf("record %+v was read as %+v", rec, got)
				}
			}
		}
	})
}

// If several nodes sweep at once, each row is removed and counted once.
func TestNodesSweepConcurrently(t *testing.T) {
	everywhere(t, func(t *testing.T, d database.Dialect, url func(string) string, admin *sql.DB) {
		const rows, nodes = 3000, 4
		at := url("table=" + fresh())
		s := openURL(t, at)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range rows / 4 {
					rec := record(fmt.Sprint("data ", i))
					rec.Expires = rec.Created
					if err := s.Save(t.Context(), newKey(), 0, rec); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		live, rec := newKey(), record("live")
		must(t, s.Save(t.Context(), live, 0, rec))
		var mu sync.Mutex
		removed := 0
		for range nodes {
			node := openURL(t, at)
			wg.Go(func() {
				n, err := node.(driver.Sweeper).Sweep(context.Background())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				removed += n
			})
		}
		wg.Wait()
		n, err := s.(driver.Sweeper).Sweep(t.Context())
		must(t, err)
		if removed+n != rows {
			t.Errorf("%d rows removed, %d after all were done, of %d", removed, n, rows)
		}
		_, err = s.Load(t.Context(), live)
		must(t, err)
	})
}
