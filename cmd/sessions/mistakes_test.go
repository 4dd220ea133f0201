package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestUsageErrors(t *testing.T) {
	id := strings.Repeat("0", 64)
	at := envs["file"](t)
	at.program(t)
	for line, says := range map[string]string{
		"":                                      "which command?",
		"lst":                                   `there is no command "lst"`,
		"help lst":                              `there is no command "lst"`,
		"list -ownr x":                          "-ownr; see \"sessions help list\"",
		"list extra":                            `unexpected argument "extra"`,
		"list -limit -1":                        "-limit must be 0",
		"show " + id + " " + id[1:]:             "argument 2 of 2",
		"list -ids -json":                       "-ids and -json",
		"list -idle-longer-than 30":             "36h or 30d",
		"list -created-before tomorrow":         "2026-01-31",
		"list -wait 0s":                         "-wait must be more than 0",
		"show":                                  "which session?",
		"show " + id[1:]:                        "64 hexadecimal digits",
		"destroy":                               "IDs or an -owner",
		"destroy -yes " + id + " -owner user:1": "not both",
		"list -store etcd":                      "must be one of database, dbm, file,",
		"list -store= -url nowhere:///x.db":     "or the scheme of a database URL",
		"list -store database -url nonsense":    "sqlite:///relative.db",
		"list -store file -data-dir=":           "Options.DataDir",
		"count -store database -url postgresql://db.internal/app?slmode=disable": "unknown parameter",
	} {
		t.Run(line, func(t *testing.T) {
			r := at.run(t, strings.Fields(line)...).expect(t, exitUsage, says)
			if r.out != "" {
				t.Errorf("standard output: %s", r.out)
			}
		})
	}
	kept := envs["dbm"](t)
	kept.program(t).visitor("", "v")
	kept.run(t, "list", "-namespace", "A").expect(t, exitUsage, "Options.Namespace")
	for _, cmd := range []string{"list", "check"} {
		r := env{}.run(t, cmd).expect(t, exitUsage, "which store?", "-store", "$SESSIONS_STORE")
		if r.out != "" {
			t.Errorf("%s, standard output: %s", cmd, r.out)
		}
	}
}

// A mistyped path must neither look like an empty store nor create one.
func TestMissingPathCreatesNoStore(t *testing.T) {
	dir := t.TempDir()
	wrong := filepath.Join(dir, "sesions")
	for name, at := range map[string]env{
		"file":               {"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": wrong},
		"file, by URL":       {"SESSIONS_URL": "file://" + wrong},
		"file, a directory":  {"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": dir},
		"file, a namespace":  {"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": dir, "SESSIONS_NAMESPACE": "shop"},
		"dbm":                {"SESSIONS_STORE": "dbm", "SESSIONS_DATA_DIR": wrong},
		"dbm, by URL":        {"SESSIONS_URL": "dbm:" + wrong + "/x.db"},
		"SQLite":             {"SESSIONS_STORE": "database", "SESSIONS_URL": "sqlite:///" + wrong + "/x.db"},
		"SQLite, relatively": {"SESSIONS_STORE": "database", "SESSIONS_URL": "sqlite:///x.db?synchronous=full", "SESSIONS_DATA_DIR": wrong},
	} {
		t.Run(name, func(t *testing.T) {
			to := envs["dbm"](t)
			for _, args := range [][]string{{"list"}, {"count"}, {"sweep"}, {"destroy", "-yes", "-owner", "x"}, {"copy"}} {
				at.and(to.destination()).run(t, args...).expect(t, exitNotFound, "there is no store", "does not exist")
			}
			if entries, err := os.ReadDir(dir); len(entries) != 0 || err != nil {
				t.Errorf("it created %v, %v", entries, err)
			}
			if path := strings.TrimPrefix(to["SESSIONS_URL"], "dbm://"); exists(filepath.Dir(path)) {
				t.Error("it created a store without a source to copy")
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestDatabaseWithoutTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := env{"SESSIONS_STORE": "database", "SESSIONS_URL": "sqlite:///" + path}
	r := at.run(t, "count").expect(t, exitNotFound, "there is no store: the store database in "+path+" has no tables; is -url right?")
	if contains(r.err, "told") {
		t.Errorf("the output does not say so: %s", r.err)
	}
	at.program(t).visitor("", "first")
	at.run(t, "count").expect(t, exitDone, "1\n")
	if _, ok := envs["PostgreSQL"]; ok {
		envs["PostgreSQL"](t).run(t, "count").expect(t, exitNotFound, "there is no store: the store database, postgres on 127.0.0.1", ", table t")
	}
}

func TestInaccessibleStores(t *testing.T) {
	for store, says := range map[string]string{"memory": "in the program's memory", "cookie": "in the clients' cookies"} {
		for _, args := range [][]string{{"list"}, {"count"}, {"show", strings.Repeat("0", 64)}, {"sweep"}, {"destroy", "-yes", "-owner", "x"}, {"copy"}} {
			r := env{"SESSIONS_STORE": store}.run(t, args...).expect(t, exitUnsupported, says)
			if r.out != "" {
				t.Errorf("standard output: %s", r.out)
			}
		}
	}
}

// No output contains a password of an invalid URL.
func TestPasswordsAreNotShown(t *testing.T) {
	const password = "hunter2hunter2"
	for _, url := range []string{
		"postgresql://app:" + password + "@127.0.0.1:1/app",
		"postgresql://app:" + password + "@127.0.0.1:x/app",
		"postgresql://app:" + password + "/y@127.0.0.1/app",
		"host=127.0.0.1 port=1 user=app password=" + password,
		"mysql://app:" + password + "@127.0.0.1:1/app",
		"mysql://app:" + password + "@127.0.0.1:1/app?nonsense=" + password,
		"app:" + password + "@tcp(127.0.0.1:1)/app",
		password,
		":" + password + ":",
	} {
		for _, store := range []string{"database", "", "dbm", "file"} {
			at := env{"SESSIONS_STORE": store, "SESSIONS_URL": url, "SESSIONS_SECRET": password, "SESSIONS_PREVIOUS_SECRETS": password}
			for _, args := range [][]string{{"list"}, {"count"}, {"check"}, {"check", "-json"}, {"help", "list"}, {"list", "-url", url, "-h"}, {"copy"}} {
				r := at.and(env{"SESSIONS_TO_URL": url, "SESSIONS_TO_STORE": store}).run(t, args...)
				if strings.Contains(strings.ToLower(r.out+r.err), password) {
					t.Errorf("%v with -store %s -url %s shows the password:\n%s%s", args, store, url, r.out, r.err)
				}
			}
		}
	}
}

// A cookie given instead of an ID is not shown.
func TestCookieIsNotShown(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	v := a.visitor("", "v")
	for _, cmd := range []string{"show", "destroy"} {
		r := at.run(t, cmd, v.cookies[0].Value).expect(t, exitUsage, "not the cookie's value")
		if strings.Contains(r.err, v.cookies[0].Value) {
			t.Errorf("%s shows the cookie: %s", cmd, r.err)
		}
	}
	value := "nPjv4fM0dJTYpzRcTb0KX2Xy7s-8Yl3wq1u_0ZkAeGh"
	for _, token := range []string{value, "-" + value, "--" + value, "---" + value, "-" + value + "=" + value} {
		for _, args := range [][]string{{token}, {"help", token}, {"list", token}, {"show", token}, {"destroy", token}, {"destroy", "-yes", token}, {"destroy", "-wait", token}, {"destroy", "-yes=" + token}} {
			r := at.run(t, args...).expect(t, exitUsage, "")
			if strings.Contains(r.out+r.err, value) {
				t.Errorf("%s shows the cookie: %s%s", args, r.out, r.err)
			}
		}
	}
}
