package redis

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func TestParseURL(t *testing.T) {
	base := settings{timeout: defaultTimeout}
	for url, want := range map[string]func(*settings){
		"redis://host":             func(s *settings) { s.servers = []string{"host:6379"} },
		"redis://host/":            func(s *settings) { s.servers = []string{"host:6379"} },
		"REDIS://host:7":           func(s *settings) { s.servers = []string{"host:7"} },
		"valkey://127.0.0.1/3":     func(s *settings) { s.servers, s.database = []string{"127.0.0.1:6379"}, 3 },
		"redis://host?db=3":        func(s *settings) { s.servers, s.database = []string{"host:6379"}, 3 },
		"redis://[2001:db8::1]":    func(s *settings) { s.servers = []string{"[2001:db8::1]:6379"} },
		"redis://[2001:db8::1]:70": func(s *settings) { s.servers = []string{"[2001:db8::1]:70"} },
		"redis://:p%40ss%2Fw%3F@host": func(s *settings) {
			s.servers, s.password = []string{"host:6379"}, "p@ss/w?"
		},
		"redis://us%3Aer:pa:ss@ho@host": func(s *settings) {
			s.servers, s.username, s.password = []string{"host:6379"}, "us:er", "pa:ss@ho"
		},
		"redis://a,b:1,[::1]?cluster=true": func(s *settings) {
			s.servers, s.cluster = []string{"a:6379", "b:1", "[::1]:6379"}, true
		},
		"redis://:pw@a,b:1/2?master=main&sentinel_password=x%40y&sentinel_username=u": func(s *settings) {
			s.servers, s.master, s.database, s.password = []string{"a:26379", "b:1"}, "main", 2, "pw"
			s.sentinelUsername, s.sentinelPassword = "u", "x@y"
		},
		"redis://h?timeout=250ms&pool_size=7&wait=2": func(s *settings) {
			s.servers, s.timeout, s.poolSize, s.wait = []string{"h:6379"}, 250*time.Millisecond, 7, 2
		},
		"unix:///run/redis.sock": func(s *settings) { s.socket, s.servers = true, []string{"/run/redis.sock"} },
		"redis+unix://u:p@/run/my%20s?db=4": func(s *settings) {
			s.socket, s.servers, s.username, s.password, s.database = true, []string{"/run/my s"}, "u", "p", 4
		},
		"rediss://host": func(s *settings) {
			s.servers, s.useTLS, s.tls = []string{"host:6379"}, true, &tls.Config{MinVersion: tls.VersionTLS12}
		},
		"valkeys://10.0.0.1?server_name=a.test": func(s *settings) {
			s.servers, s.useTLS, s.tlsParams, s.serverName, s.tls = []string{"10.0.0.1:6379"}, true, true, "a.test", &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "a.test"}
		},
	} {
		expected := base
		want(&expected)
		got, err := parseURL(url)
		got.dbInPath = false
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%s: %+v, %v\nwant %+v", url, got, err, expected)
		}
	}
}

func TestInvalidURLs(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(noCertificate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"":                                          "must be like",
		"redis:":                                    "must be like",
		"host:6379":                                 "must be like",
		"redis://":                                  "names no server",
		"redis://:secret@":                          "names no server",
		"redis://:secret@/0":                        "names no server",
		"http://:secret@host":                       "scheme",
		"redis://:secret@host:port":                 "port",
		"redis://:secret@host:0":                    "port",
		"redis://:secret@host:65536":                "port",
		"redis://:secret@ho st":                     "server 1 of 1",
		"redis://:secret@a,,b?cluster=true":         "server 2 of 3",
		"redis://:secret@2001:db8::1":               "[ipv6]:port",
		"redis://:secret@host/number":               "number",
		"redis://:secret@host/-1":                   "number",
		"redis://:secret@host/1/2":                  "number",
		"redis://:secret@host/1?db=1":               `"db" is in Options.URL more than once`,
		"redis://:secret@host?wait=1&wait=2":        `"wait" is in Options.URL more than once`,
		"redis://:secret@host?colour=red":           `unknown parameter "colour"`,
		"redis://:secret@host?max_retries=3":        `unknown parameter "max_retries"`,
		"redis://:secret@host?Timeout=3s":           `unknown parameter "Timeout"`,
		"redis://:secret@host?se%20cret=1":          "invalid name",
		"redis://:secret@host?a=%zz":                "invalid",
		"redis://:%zzsecret@host":                   "percent-encoded",
		"redis://:a/secret@host":                    "percent-encoded",
		"redis://:a?secret@host":                    "percent-encoded",
		"redis://:a?secret=1@host":                  "percent-encoded",
		"redis://:secret@host?timeout=3":            "timeout",
		"redis://:secret@host?timeout=1h":           "timeout",
		"redis://:secret@host?pool_size=0":          "pool_size",
		"redis://:secret@host?wait=-1":              "wait",
		"redis://:secret@host?cluster=maybe":        "cluster",
		"redis://:secret@host?master=":              "master",
		"redis://:secret@a,b":                       "several servers",
		"redis://:secret@a,b?cluster=false":         "several servers",
		"redis://:secret@a?cluster=1&master=x":      "both cluster and master",
		"redis://:secret@a/1?cluster=1":             "only database 0",
		"redis://:secret@a?sentinel_password=p":     "Sentinels",
		"redis://:secret@a?ca=/etc/ca.pem":          "rediss",
		"rediss://:secret@a?ca=/does/not/exist":     "ca in Options.URL",
		"rediss://:secret@a?cert=/does/not/exist":   "cert and key",
		"rediss://:secret@a?ca=" + noCertificate:    "no certificate",
		"unix://:secret@/":                          "Unix socket",
		"unix://:secret@run/redis.sock":             "Unix socket",
		"unix://:secret@/run/redis.sock?cluster=1":  "Unix socket",
		"unix:/run/redis.sock":                      "must be like",
		"unix://:secret@/run/re%00dis.sock":         "Unix socket",
		"redis://:secret@host?sentinel_username=us": "Sentinels",
	} {
		_, err := New(nil, Options{}).Open(t.Context(), driver.Config{URL: url}.WithDefaults())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "percent-encoded") {
			t.Errorf("%s: %v, want an error with %q and without the password", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error has the password: %v", url, err)
		}
	}
}

// The scheme alone selects the store.
func TestSchemes(t *testing.T) {
	for _, url := range []string{
		"redis://host", "rediss://host", "valkey://host", "valkeys://host", "unix:///run/redis.sock", "redis+unix:///run/redis.sock",
	} {
		if name, err := sessions.StoreForURL(url); name != "redis" || err != nil {
			t.Errorf("%s: %q, %v", url, name, err)
		}
		m, err := sessions.New(t.Context(), sessions.Options{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if err := m.Close(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"redis://user:password@a:1,b,[::1]:2/3?master=main&timeout=1s", "unix://:p@/run/redis.sock?db=1", "rediss://h?ca=x", "redis://:a/b@c?d@e",
		"redis://:p@h?cluster=true&wait=1",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if strings.Contains(url, "ca=") || strings.Contains(url, "cert=") || strings.Contains(url, "key=") {
			return // would read files
		}
		set, err := parseURL(url)
		if err != nil {
			return
		}
		if len(set.servers) == 0 || len(set.servers) > 1 && !set.cluster && set.master == "" {
			t.Errorf("%q: servers %q", url, set.servers)
		}
		for _, server := range set.servers {
			if set.socket {
				continue
			}
			if again, err := parseServer(server, "1"); again != server || err != nil {
				t.Errorf("%q: the server %q is parsed as %q, %v", url, server, again, err)
			}
		}
	})
}
