package database

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

// notSentParameters reports whether no parameter is sent to the server.
func notSentParameters(at *target) bool {
	return at.dialect == PostgreSQL && len(at.postgres.Runtime) == 0
}

func TestURLForms(t *testing.T) {
	postgres := func(user, password, host string, port uint16, dbname string) func(*target) bool {
		return func(at *target) bool {
			c := at.postgres
			return at.dialect == PostgreSQL && c.User == user && c.Password == password && c.Host == host && c.Port == port && c.Database == dbname
		}
	}
	mysql := func(user, password, addr, dbname string) func(*target) bool {
		return func(at *target) bool {
			c := at.mysql
			return at.dialect == MySQL && c.User == user && c.Passwd == password && c.Addr == addr && c.DBName == dbname
		}
	}
	file := func(path string) func(*target) bool {
		return func(at *target) bool { return at.dialect == SQLite && at.file == path }
	}
	for url, is := range map[string]func(*target) bool{
		"sqlite:///relative.db":                           file("relative.db"),
		"sqlite:////absolute/a.db":                        file("/absolute/a.db"),
		"sqlite:///dir/with%20space.db":                   file("dir/with space.db"),
		"sqlite:///:memory:":                              file(":memory:"),
		"sqlite://":                                       file(":memory:"),
		"sqlite+pysqlite:///x.db":                         file("x.db"),
		"SQLite:///x.db?synchronous=full":                 func(at *target) bool { return at.file == "x.db" && at.synchronous == "FULL" },
		"postgresql://u:p@h:5433/d":                       postgres("u", "p", "h", 5433, "d"),
		"postgres://u:p%40%2F%3A@h/d?sslmode=disable":     postgres("u", "p@/:", "h", 5432, "d"),
		"postgresql+psycopg2://u@h/d":                     postgres("u", "", "h", 5432, "d"),
		"host=h port=5433 user=u password='p q' dbname=d": postgres("u", "p q", "h", 5433, "d"),
		"postgresql://%2Fvar%2Frun%2Fpostgresql/d":        func(at *target) bool { return at.postgres.Host == "/var/run/postgresql" && at.postgres.Database == "d" },
		"postgresql://u:p%40@%2ftmp:5433/d":               postgres("u", "p@", "/tmp", 5433, "d"),
		"postgresql://u:p@%2Ftmp":                         func(at *target) bool { return at.postgres.Host == "/tmp" && at.postgres.User == "u" },
		"postgresql://u@/d?host=/tmp":                     postgres("u", "", "/tmp", 5432, "d"),
		"postgresql://u@h1:5433,h2/d": func(at *target) bool {
			return len(at.postgres.Multi) == 1 && at.postgres.Port == 5433 && at.postgres.Multi[0].Host == "h2"
		},
		"postgresql://u@h/d?sslmode=verify-full&channel_binding=require&gssencmode=prefer":                               notSentParameters,
		"postgresql://u@h/d?channel_binding=prefer&gssencmode=disable&sslcompression=0":                                  notSentParameters,
		"postgresql://u@h/d?keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=9": notSentParameters,
		"host=h user=u dbname=d channel_binding=prefer keepalives=1":                                                     notSentParameters,
		"postgresql://u@h/d?statement_timeout=5s":                                                                        func(at *target) bool { return at.postgres.Runtime["statement_timeout"] == "5s" },
		"mysql://u:p@h/d": mysql("u", "p", "h:3306", "d"),
		"mysql+pymysql://u:p%40@h:3307/d?charset=utf8mb4": mysql("u", "p@", "h:3307", "d"),
		"mariadb://u@[::1]/d":                             mysql("u", "", "[::1]:3306", "d"),
		"mysql://u@/d?unix_socket=/run/mysql.sock":        mysql("u", "", "/run/mysql.sock", "d"),
		"u:p@tcp(h:3307)/d?timeout=1s":                    mysql("u", "p", "h:3307", "d"),
		"u:p@unix(/run/s)/d":                              mysql("u", "p", "/run/s", "d"),
		"u:p@/d":                                          mysql("u", "p", "127.0.0.1:3306", "d"),
		"postgresql://u@h/d?table=t&schema=s&create=no&prepare=no&pool=7&connect_timeout=3": func(at *target) bool {
			return at.Options == Options{Table: "t", Schema: "s", NeverCreate: true, NoPrepare: true, Pool: 7} && at.postgres.ConnectTimeout > 0
		},
		"mysql://u@h/d?table=t&pool=7&tls=skip-verify&create=yes": func(at *target) bool {
			return at.Options == Options{Table: "t", Pool: 7} && at.mysql.TLSConfig == "skip-verify"
		},
	} {
		at, err := parseURL(url, Options{})
		if err != nil || !is(at) {
			t.Errorf("%s: got %+v, %v", url, at, err)
		}
	}
}

func TestInvalidURLs(t *testing.T) {
	for url, want := range map[string]string{
		"":                                              "required",
		"oracle://u@h/d":                                "sqlite:///relative.db",
		"memory:":                                       "sqlite:///relative.db",
		"sessions.db":                                   "sqlite:///relative.db",
		"sqlite://sessions.db":                          "three slashes",
		"sqlite:///":                                    "no SQLite file",
		"sqlite:///x.db?timeout=5":                      `unknown parameter "timeout"; there are table, schema, create, prepare, pool, synchronous`,
		"sqlite:///x.db?synchronous=off":                "normal or full",
		"sqlite:///x.db?table=a&table=b":                "twice",
		"sqlite:///x.db?create=maybe":                   "parameter create",
		"sqlite:///x.db?pool=0":                         "parameter pool",
		"postgresql://u@h/d?pool_size=5":                `unknown parameter "pool_size"`,
		"mysql://u@h/d?ssl_ca=x":                        `unknown parameter "ssl_ca"`,
		"mysql://u:12?hunter2@h/d":                      "write a character such as",
		"mysql://u:12?a@h/d&hunter-x":                   "write a character such as",
		"mysql://u@h/d?ssl-mode=REQUIRED":               `unknown parameter "ssl-mode"`,
		"mysql://u@h/d?1=2":                             `unknown parameter; there are`,
		"postgresql://u@h/d?ssl-mode=x":                 `unknown parameter "ssl-mode"`,
		"postgresql://u@h/d?require_auth=scram-sha-256": `unknown parameter "require_auth"`,
		"host=h dbname=d require_auth=scram-sha-256":    `"require_auth"`,
		"postgresql://u@h/d?gssencmode=require":         "gssencmode=require",
		"postgresql://u@h/d?channel_binding=require":    "sslmode=verify-full",
		"postgresql://u@h/d?sslmode=require&channel_binding=require": "sslmode=verify-full",
		"host=h sslmode=require channel_binding=require":             "sslmode=verify-full",
		"postgresql://u@%2Ftmp%zz/d":                                 "write a character such as",
		"postgresql://u:p#1@h/d":                                     "write a character such as",
		"postgresql://u@h/d?%zz":                                     "malformed",
		"postgresql://u@h/d?sslmode=never":                           "does not understand",
		"mysql://u@h/d?timeout=soon":                                 "does not understand",
	} {
		if _, err := parseURL(url, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", url, err, want)
		}
	}
}

func TestRelativeFilesAreInDataDir(t *testing.T) {
	at, err := parseURL("sqlite:///a/b.db", Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	p, err := at.open(dir)
	if err != nil {
		t.Skip(err)
	}
	defer p.close()
	if _, err := p.Exec("CREATE TABLE x (y)"); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b.db": 0o600, "a/b.db-wal": 0o600, "a/b.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: got %v, %v, want mode %v", name, info, err, mode)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "a", ".sessions-*")); err != nil || left != nil {
		t.Errorf("got files %v, %v", left, err)
	}
}

func TestURLSchemeSelectsDatabaseStore(t *testing.T) {
	for _, scheme := range []string{"sqlite", "sqlite3", "sqlite+pysqlite", "postgres", "postgresql", "postgresql+psycopg2", "mysql", "mysql+pymysql", "mariadb", "PostgreSQL"} {
		if name, err := sessions.StoreForURL(scheme + "://user:password@host/name"); name != "database" || err != nil {
			t.Errorf("%s: got store %q, %v", scheme, name, err)
		}
	}
}
