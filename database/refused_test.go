//go:build unix

package database_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
)

// notWritten reports an error unless each write returns ErrNotWritten.
func notWritten(t *testing.T, what string, s driver.Store) {
	t.Helper()
	for name, err := range map[string]error{
		"create": s.Save(t.Context(), newKey(), 0, record("x")),
		"Save":   s.Save(t.Context(), newKey(), newVersion(), record("x")),
		"Touch":  s.Touch(t.Context(), newKey(), record("x")),
		"Delete": s.Delete(t.Context(), newKey(), 0),
	} {
		if !errors.Is(err, driver.ErrNotWritten) || errors.Is(err, driver.ErrConflict) {
			t.Errorf("%s: %s: got error %v, want ErrNotWritten", what, name, err)
		}
	}
}

func run(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// A write that the server refuses, or that does not reach it, returns ErrNotWritten.
func TestRefusedWritesOnPostgres(t *testing.T) {
	server := servers.OwnPostgres(t)
	admin, err := sql.Open("postgres", engines[0].dsn(server.Addr))
	must(t, err)
	defer admin.Close()
	must(t, openURL(t, postgresURL(server.Addr, "")).Save(t.Context(), newKey(), 0, record("x")))
	run(t, admin, "CREATE ROLE nobody LOGIN", "CREATE ROLE reader LOGIN", "GRANT SELECT ON sessions, sessions_schema TO reader",
		"CREATE ROLE crowd LOGIN CONNECTION LIMIT 0", "GRANT ALL ON sessions, sessions_schema TO crowd", "REVOKE CREATE ON SCHEMA public FROM public")
	as := func(user, params string) string {
		return "postgresql://" + user + "@" + server.Addr + "/postgres?sslmode=disable&" + params
	}
	for what, url := range map[string]string{
		"a parameter that the server does not know": as("postgres", "options=-c%20nonsense%3D1"),
		"a missing schema":                          as("postgres", "schema=nowhere"),
		"a missing database":                        strings.Replace(as("postgres", ""), "/postgres?", "/nothing?", 1),
		"no permission to create tables":            as("nobody", "table=other"),
		"no permission to read":                     as("nobody", ""),
		"no permission to write":                    as("reader", ""),
		"too many connections of the user":          as("crowd", ""),
		"a read-only server":                        as("postgres", "options=-c%20default_transaction_read_only%3Don"),
		"an unknown user":                           as("stranger", ""),
		"a server without TLS":                      "postgresql://postgres@" + server.Addr + "/postgres?sslmode=require",
	} {
		for _, params := range []string{"", "&prepare=no"} {
			notWritten(t, what+params, openURL(t, url+params))
		}
	}
	bouncer := servers.PgBouncer(t)
	notWritten(t, "a start-up parameter that PgBouncer does not know", openURL(t, postgresURL(bouncer.Addr, "prepare=no&search_path=public")))
}

func TestRefusedWritesOnMySQL(t *testing.T) {
	server := servers.OwnMariaDB(t)
	admin, err := sql.Open("mysql", engines[1].dsn(server.Addr))
	must(t, err)
	defer admin.Close()
	run(t, admin, "CREATE DATABASE app") // everybody may write to test
	as := func(user, params string) string { return "mysql://" + user + "@" + server.Addr + "/app?" + params }
	must(t, openURL(t, as("root", "")).Save(t.Context(), newKey(), 0, record("x")))
	run(t, admin, "CREATE USER nobody@'%'", "CREATE USER reader@'%'", "GRANT SELECT ON app.* TO reader@'%'",
		"CREATE USER crowd@'%' WITH MAX_USER_CONNECTIONS 1", "GRANT ALL ON app.* TO crowd@'%'",
		"CREATE USER hourly@'%' WITH MAX_QUERIES_PER_HOUR 1", "GRANT ALL ON app.* TO hourly@'%'",
		"CREATE USER app@'%'", "GRANT ALL ON app.* TO app@'%'", "CREATE USER tls@'%' REQUIRE SSL")
	crowd, err := sql.Open("mysql", "crowd@tcp("+server.Addr+")/app")
	must(t, err)
	defer crowd.Close()
	must(t, crowd.Ping()) // holds the one connection
	check := func(urls map[string]string) {
		t.Helper()
		for what, url := range urls {
			for _, params := range []string{"", "&prepare=no"} {
				notWritten(t, what+params, openURL(t, url+params))
			}
		}
	}
	check(map[string]string{
		"a missing schema":                 as("root", "schema=nowhere"),
		"a missing database":               "mysql://root@" + server.Addr + "/nowhere?",
		"no permission to create tables":   as("reader", "table=other"),
		"no permission to write":           as("reader", ""),
		"no permission on the database":    as("nobody", ""),
		"too many connections of the user": as("crowd", ""),
		"too many queries an hour":         as("hourly", ""),
		"an unknown user":                  as("stranger", ""),
		"a user that requires TLS":         as("tls", ""),
	})
	run(t, admin, "SET GLOBAL read_only = ON")
	check(map[string]string{"a read-only server": as("app", "")})
	run(t, admin, "SET GLOBAL read_only = OFF", "SET GLOBAL max_connections = 10")
	others, err := sql.Open("mysql", "app@tcp("+server.Addr+")/app")
	must(t, err)
	defer others.Close()
	for range 20 {
		c, err := others.Conn(t.Context())
		if err != nil {
			break
		}
		defer c.Close()
	}
	check(map[string]string{"too many connections": as("app", "")})
}

// A trigger, or a column that the administrator added, may refuse a write too.
func TestWritesRefusedByTrigger(t *testing.T) {
	postgres := servers.OwnPostgres(t)
	admin, err := sql.Open("postgres", engines[0].dsn(postgres.Addr))
	must(t, err)
	defer admin.Close()
	must(t, openURL(t, postgresURL(postgres.Addr, "")).Save(t.Context(), newKey(), 0, record("x")))
	run(t, admin, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
		"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON sessions FOR EACH STATEMENT EXECUTE FUNCTION refuse()")
	notWritten(t, "PostgreSQL's RAISE", openURL(t, postgresURL(postgres.Addr, "")))

	mariadb := servers.OwnMariaDB(t)
	admin, err = sql.Open("mysql", engines[1].dsn(mariadb.Addr))
	must(t, err)
	defer admin.Close()
	run(t, admin, "CREATE DATABASE app")
	url := "mysql://root@" + mariadb.Addr + "/app?"
	must(t, openURL(t, url).Save(t.Context(), newKey(), 0, record("x")))
	for what, queries := range map[string][2]string{
		"SIGNAL":                     {"CREATE TRIGGER app.t BEFORE INSERT ON app.sessions FOR EACH ROW SIGNAL SQLSTATE '45000'", "DROP TRIGGER app.t"},
		"a trigger without definer":  {"CREATE DEFINER='gone'@'%' TRIGGER app.t BEFORE INSERT ON app.sessions FOR EACH ROW SET NEW.version = 1", "DROP TRIGGER app.t"},
		"a column without a default": {"ALTER TABLE app.sessions ADD COLUMN extra INT NOT NULL", "ALTER TABLE app.sessions DROP COLUMN extra"},
	} {
		run(t, admin, queries[0])
		if err := openURL(t, url).Save(t.Context(), newKey(), 0, record("x")); !errors.Is(err, driver.ErrNotWritten) {
			t.Errorf("MariaDB: %s: got error %v", what, err)
		}
		run(t, admin, queries[1])
	}
}

func TestRefusedWritesOnSQLite(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	must(t, os.WriteFile(junk, []byte(strings.Repeat("no database ", 100)), 0o600))
	notWritten(t, "a file that is no database", openURL(t, "sqlite:///"+junk))
	notWritten(t, "no file and no permission to create it", openURL(t, "sqlite:///"+filepath.Join(dir, "none.db")+"?create=no"))

	// Another process writes continuously.
	url := sqliteURL(t, "")
	s := openURL(t, url)
	must(t, s.Save(t.Context(), newKey(), 0, record("x")))
	admin, err := sql.Open("sqlite3", sqliteFile(url)+"?_txlock=immediate")
	must(t, err)
	defer admin.Close()
	tx, err := admin.Begin()
	must(t, err)
	defer tx.Rollback()
	err = quickly(t, "Save", func(ctx context.Context) error { return s.Save(ctx, newKey(), 0, record("x")) })
	if !errors.Is(err, driver.ErrNotWritten) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Save while another process writes: got error %v", err)
	}
}

// Without a server, nothing is sent. If the connection breaks after a write was sent,
// the server may have run it.
func TestUnreachableServerWritesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed := l.Addr().String()
	l.Close()
	onEngines(t, func(t *testing.T, e engine) {
		notWritten(t, "a closed port", openURL(t, e.url(closed, "")))
		p := newProxy(t, e.shared(t).Addr)
		for _, params := range []string{"", "prepare=no&"} {
			s := openURL(t, e.url(p.Addr().String(), params+"table="+fresh()))
			key, rec := newKey(), record("x")
			must(t, s.Save(t.Context(), key, 0, rec))
			must(t, s.Save(t.Context(), key, rec.Version, rec))
			p.swallow.Store(true)
			if err := s.Save(t.Context(), key, rec.Version, rec); err == nil || errors.Is(err, driver.ErrNotWritten) {
				t.Errorf("%q, response lost: got error %v", params, err)
			}
		}
	})
}
