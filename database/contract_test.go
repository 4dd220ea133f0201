//go:build unix

package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/sessionstest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

var tables atomic.Int64

// fresh is a table name that no other case uses.
func fresh() string { return fmt.Sprintf("t%d_%d", os.Getpid(), tables.Add(1)) }

func postgresURL(addr, params string) string {
	return "postgresql+psycopg2://postgres@" + addr + "/postgres?sslmode=disable&" + params
}

func mysqlURL(addr, params string) string {
	return "mysql+pymysql://root@" + addr + "/test?" + params
}

func sqliteURL(t testing.TB, params string) string {
	return "sqlite:///" + filepath.Join(t.TempDir(), "sessions.db") + "?" + params
}

// on returns a harness with a table for each case.
func on(url func(t testing.TB, params string) string, params string) sessionstest.Harness {
	return sessionstest.Harness{
		Driver:  database.FromURL(database.Options{}),
		MaxData: database.MaxData,
		Config: func(t testing.TB) driver.Config {
			return driver.Config{URL: url(t, params+"table="+fresh())}
		},
		Damage: damage,
		Newer:  newerRecord,
	}
}

func onPostgres(t testing.TB, params string) string {
	return postgresURL(servers.Postgres(t).Addr, params)
}
func onMySQL(t testing.TB, params string) string { return mysqlURL(servers.MariaDB(t).Addr, params) }

// damage truncates the data of a record, with the database's own driver.
func damage(cfg driver.Config, key driver.Key) error {
	const data = "substr(data, 1, 5)"
	return rewrite(cfg, key, data, data, data)
}

// newerRecord increments the format number of a record.
func newerRecord(cfg driver.Config, key driver.Key) error {
	return rewrite(cfg, key, "CAST(x'02' || substr(data, 2) AS BLOB)", `'\x02'::bytea || substr(data, 2)`, "concat(x'02', substr(data, 2))")
}

// rewrite changes the data of a record, by an expression of each dialect.
func rewrite(cfg driver.Config, key driver.Key, sqlite, postgres, mysql string) error {
	base, params, _ := strings.Cut(cfg.URL, "?")
	table := params[strings.Index(params, "table=")+len("table="):]
	var db *sql.DB
	var err error
	q, id := "UPDATE "+table+" SET data = ", " WHERE id = x'"+key.String()+"'"
	switch {
	case strings.HasPrefix(base, "sqlite:///"):
		db, err = sql.Open("sqlite3", strings.TrimPrefix(base, "sqlite:///")+"?_busy_timeout=5000")
		q += sqlite
	case strings.HasPrefix(base, "postgresql"):
		db, err = sql.Open("postgres", "postgresql"+strings.TrimPrefix(base, "postgresql+psycopg2")+"?sslmode=disable")
		q += postgres
		id = ` WHERE id = '\x` + key.String() + "'"
	default:
		host := strings.TrimSuffix(strings.TrimPrefix(base, "mysql+pymysql://root@"), "/test")
		db, err = sql.Open("mysql", "root@tcp("+host+")/test")
		q += mysql
	}
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(q + id)
	return err
}

func TestContractOnSQLite(t *testing.T) { sessionstest.Run(t, on(sqliteURL, "")) }

func TestContractOnSQLiteInMemory(t *testing.T) {
	h := on(func(_ testing.TB, params string) string { return "sqlite:///:memory:?" + params }, "")
	h.Damage, h.Newer = nil, nil
	h.Cannot = map[sessionstest.Ability]string{
		sessionstest.Share:  "each store has its own memory",
		sessionstest.Reopen: "Close drops the database",
	}
	sessionstest.Run(t, h)
}

func TestContractOnPostgres(t *testing.T) { sessionstest.Run(t, on(onPostgres, "")) }

func TestContractOnPostgresUnprepared(t *testing.T) {
	sessionstest.Run(t, on(onPostgres, "prepare=no&"))
}

func TestContractOnMySQL(t *testing.T) { sessionstest.Run(t, on(onMySQL, "")) }

func TestContractOnMySQLUnprepared(t *testing.T) { sessionstest.Run(t, on(onMySQL, "prepare=no&")) }

// ours is a driver on pools that the test opened, one for each data source. The URL of
// the case contains the table.
type ours struct {
	dialect database.Dialect
	name    string
	source  func(t testing.TB) string
	mu      sync.Mutex
	db      *sql.DB
}

func (o *ours) harness() sessionstest.Harness {
	return sessionstest.Harness{
		MaxData: database.MaxData,
		Config: func(t testing.TB) driver.Config {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.db == nil {
				db, err := sql.Open(o.name, o.source(t))
				if err != nil {
					t.Fatal(err)
				}
				db.SetMaxOpenConns(20)
				o.db = db
			}
			return driver.Config{DataDir: fresh()}
		},
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			return database.New(o.db, o.dialect, database.Options{Table: cfg.DataDir}).Open(ctx, cfg)
		}),
		Cannot: map[sessionstest.Ability]string{
			sessionstest.Processes:  "a pool belongs to one process",
			sessionstest.Goroutines: "the pool outlives the store",
		},
	}
}

func TestContractOnSQLitePool(t *testing.T) {
	dir := t.TempDir()
	o := &ours{dialect: database.SQLite, name: "sqlite3", source: func(testing.TB) string {
		return filepath.Join(dir, "s.db") + "?_journal_mode=WAL&_busy_timeout=5000"
	}}
	sessionstest.Run(t, o.harness())
	closePool(t, o)
}

func TestContractOnPostgresPool(t *testing.T) {
	o := &ours{dialect: database.PostgreSQL, name: "postgres", source: func(t testing.TB) string {
		return "postgres://postgres@" + servers.Postgres(t).Addr + "/postgres?sslmode=disable"
	}}
	sessionstest.Run(t, o.harness())
	closePool(t, o)
}

// The driver of this pool counts the rows that were changed, not those that matched.
func TestContractOnMySQLPool(t *testing.T) {
	o := &ours{dialect: database.MySQL, name: "mysql", source: func(t testing.TB) string {
		return "root@tcp(" + servers.MariaDB(t).Addr + ")/test"
	}}
	sessionstest.Run(t, o.harness())
	closePool(t, o)
}

func closePool(t *testing.T, o *ours) {
	if o.db == nil {
		return
	}
	if err := o.db.Ping(); err != nil {
		t.Errorf("Ping of the pool after Close of the stores: got error %v", err)
	}
	if err := o.db.Close(); err != nil {
		t.Error(err)
	}
}

// PgBouncer can send each statement to another connection of the server.
func TestContractBehindPgBouncer(t *testing.T) {
	sessionstest.Run(t, on(func(t testing.TB, params string) string {
		return postgresURL(servers.PgBouncer(t).Addr, params)
	}, "prepare=no&"))
}
