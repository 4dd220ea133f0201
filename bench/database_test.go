package bench

import (
	"cmp"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/internal/servers"
)

// Each SQLite contender has its own file. All but one use this library's settings: a
// write-ahead log that is not synced at each commit. "scs-default" uses SQLite's
// defaults, as in scs's README, which sync each commit.

func openSQL(tb testing.TB, driver, dsn string) *sql.DB {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	// With fewer idle than open connections, database/sql would keep reopening them.
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	return db
}

func sqlite(tb testing.TB, params string) *sql.DB {
	return openSQL(tb, "sqlite3", "file:"+filepath.Join(dataDir(tb), "peer.db")+params)
}

const likeOurs = "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000"

func oursSQLite(tb testing.TB) app {
	return ours(tb, sessions.Options{Store: "database", URL: "sqlite:///" + filepath.Join(dataDir(tb), "ours.db")})
}

func scsSQLite(params string) func(testing.TB) app {
	return func(tb testing.TB) app {
		db := sqlite(tb, params)
		mustExec(tb, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)",
			"CREATE INDEX sessions_expiry_idx ON sessions (expiry)")
		store := sqlite3store.NewWithCleanupInterval(db, cmp.Or(sweepEvery, 5*time.Minute))
		tb.Cleanup(store.StopCleanup)
		m := scs.New()
		m.Store = store
		return scsApp(m, rows(tb, db, "sessions"))
	}
}

func rawSQLite(tb testing.TB) app { return rawSQL(tb, sqlite(tb, likeOurs), numbered("TEXT", "BLOB")) }

// PostgreSQL is one private server; each contender has its own table.

func postgresURL(tb testing.TB) string {
	return "postgresql://postgres@" + servers.Postgres(tb).Addr + "/postgres?sslmode=disable"
}

func oursPostgres(tb testing.TB) app {
	return ours(tb, sessions.Options{Store: "database", URL: postgresURL(tb) + "&table=" + uniqueTable("ours")})
}

// scsPostgres recreates the table, since its name is fixed.
func scsPostgres(tb testing.TB) app {
	db := openSQL(tb, "postgres", postgresURL(tb))
	mustExec(tb, db, "DROP TABLE IF EXISTS sessions",
		"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)",
		"CREATE INDEX sessions_expiry_idx ON sessions (expiry)")
	store := postgresstore.NewWithCleanupInterval(db, cmp.Or(sweepEvery, 5*time.Minute))
	tb.Cleanup(store.StopCleanup)
	m := scs.New()
	m.Store = store
	return scsApp(m, rows(tb, db, "sessions"))
}

func rawPostgres(tb testing.TB) app {
	return rawSQL(tb, openSQL(tb, "postgres", postgresURL(tb)), numbered("TEXT", "BYTEA"))
}

// MariaDB is one private server; each contender has its own table.

func openMariaDB(tb testing.TB) *sql.DB {
	return openSQL(tb, "mysql", "root@tcp("+servers.MariaDB(tb).Addr+")/test?parseTime=true")
}

func oursMariaDB(tb testing.TB) app {
	return ours(tb, sessions.Options{Store: "database", URL: "mysql://root@" + servers.MariaDB(tb).Addr + "/test?table=" + uniqueTable("ours")})
}

// scsMariaDB recreates the table, since its name is fixed.
func scsMariaDB(tb testing.TB) app {
	db := openMariaDB(tb)
	mustExec(tb, db, "DROP TABLE IF EXISTS sessions",
		"CREATE TABLE sessions (token CHAR(43) COLLATE utf8mb4_bin PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)",
		"CREATE INDEX sessions_expiry_idx ON sessions (expiry)")
	store := mysqlstore.NewWithCleanupInterval(db, cmp.Or(sweepEvery, 5*time.Minute))
	tb.Cleanup(store.StopCleanup)
	m := scs.New()
	m.Store = store
	return scsApp(m, rows(tb, db, "sessions"))
}

func rawMariaDB(tb testing.TB) app {
	return rawSQL(tb, openMariaDB(tb), dialect{"VARBINARY(64)", "BLOB", func(int) string { return "?" }})
}

// dialect is what differs between the databases in the raw operations.
type dialect struct {
	idType, dataType string
	param            func(n int) string
}

func numbered(idType, dataType string) dialect {
	return dialect{idType, dataType, func(n int) string { return fmt.Sprint("$", n) }}
}

var tables atomic.Int64

// uniqueTable returns an unused table name, even if the server of an earlier run is
// still in use.
func uniqueTable(prefix string) string {
	return fmt.Sprintf("%s_%d_%d", prefix, time.Now().UnixNano(), tables.Add(1))
}

func rows(tb testing.TB, db *sql.DB, table string) func() int {
	return func() (n int) {
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			tb.Fatal(err)
		}
		return n
	}
}

func mustExec(tb testing.TB, db *sql.DB, statements ...string) {
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatal(err)
		}
	}
}
