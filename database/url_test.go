package database

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestURLForms(t *testing.T) {
	postgres := func(user, password, host string, port uint16, dbname string) func(*place) bool {
		return func(at *place) bool {
			c := at.postgres
			return at.dialect == PostgreSQL && c.User == user && c.Password == password && c.Host == host && c.Port == port && c.Database == dbname
		}
	}
	mysql := func(user, password, addr, dbname string) func(*place) bool {
		return func(at *place) bool {
			c := at.mysql
			return at.dialect == MySQL && c.User == user && c.Passwd == password && c.Addr == addr && c.DBName == dbname
		}
	}
	file := func(path string) func(*place) bool {
		return func(at *place) bool { return at.dialect == SQLite && at.file == path }
	}
	for url, is := range map[string]func(*place) bool{
		"sqlite:///relative.db":                           file("relative.db"),
		"sqlite:////absolute/a.db":                        file("/absolute/a.db"),
		"sqlite:///dir/with%20space.db":                   file("dir/with space.db"),
		"sqlite:///:memory:":                              file(":memory:"),
		"sqlite://":                                       file(":memory:"),
		"sqlite+pysqlite:///x.db":                         file("x.db"),
		"SQLite:///x.db?synchronous=full":                 func(at *place) bool { return at.file == "x.db" && at.synchronous == "FULL" },
		"postgresql://u:p@h:5433/d":                       postgres("u", "p", "h", 5433, "d"),
		"postgres://u:p%40%2F%3A@h/d?sslmode=disable":     postgres("u", "p@/:", "h", 5432, "d"),
		"postgresql+psycopg2://u@h/d":                     postgres("u", "", "h", 5432, "d"),
		"host=h port=5433 user=u password='p q' dbname=d": postgres("u", "p q", "h", 5433, "d"),
		"mysql://u:p@h/d":                                 mysql("u", "p", "h:3306", "d"),
		"mysql+pymysql://u:p%40@h:3307/d?charset=utf8mb4": mysql("u", "p@", "h:3307", "d"),
		"mariadb://u@[::1]/d":                             mysql("u", "", "[::1]:3306", "d"),
		"mysql://u@/d?unix_socket=/run/mysql.sock":        mysql("u", "", "/run/mysql.sock", "d"),
		"u:p@tcp(h:3307)/d?timeout=1s":                    mysql("u", "p", "h:3307", "d"),
		"u:p@unix(/run/s)/d":                              mysql("u", "p", "/run/s", "d"),
		"u:p@/d":                                          mysql("u", "p", "127.0.0.1:3306", "d"),
		"postgresql://u@h/d?table=t&schema=s&create=no&prepare=no&pool=7&connect_timeout=3": func(at *place) bool {
			return at.Options == Options{Table: "t", Schema: "s", NeverCreate: true, NoPrepare: true, Pool: 7} && at.postgres.ConnectTimeout > 0
		},
		"mysql://u@h/d?table=t&pool=7&tls=skip-verify&create=yes": func(at *place) bool {
			return at.Options == Options{Table: "t", Pool: 7} && at.mysql.TLSConfig == "skip-verify"
		},
	} {
		at, err := parseURL(url, Options{})
		if err != nil || !is(at) {
			t.Errorf("%s: %+v, %v", url, at, err)
		}
	}
}

func TestURLFaults(t *testing.T) {
	for url, want := range map[string]string{
		"":                                 "required",
		"oracle://u@h/d":                   "sqlite:///relative.db",
		"memory:":                          "sqlite:///relative.db",
		"sessions.db":                      "sqlite:///relative.db",
		"sqlite://sessions.db":             "three slashes",
		"sqlite:///":                       "no SQLite file",
		"sqlite:///x.db?timeout=5":         `unknown parameter "timeout"; there are table, schema, create, prepare, pool, synchronous`,
		"sqlite:///x.db?synchronous=off":   "normal or full",
		"sqlite:///x.db?table=a&table=b":   "twice",
		"sqlite:///x.db?create=maybe":      "parameter create",
		"sqlite:///x.db?pool=0":            "parameter pool",
		"postgresql://u@h/d?pool_size=5":   `unknown parameter "pool_size"`,
		"mysql://u@h/d?ssl_ca=x":           `unknown parameter "ssl_ca"`,
		"mysql://u:12?hunter2@h/d":         `unknown parameter; there are`,
		"mysql://u:12?a@h/d&hunter2":       `unknown parameter`,
		"postgresql://u:p#1@h/d":           "write a character such as",
		"postgresql://u@h/d?%zz":           "malformed",
		"postgresql://u@h/d?sslmode=never": "does not understand",
		"mysql://u@h/d?timeout=soon":       "does not understand",
	} {
		if _, err := parseURL(url, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
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
			t.Errorf("%q: %v, %v, want the mode %v", name, info, err, mode)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "a", ".sessions-*")); err != nil || left != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}
