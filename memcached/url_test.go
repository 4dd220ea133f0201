package memcached

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestServersInURL(t *testing.T) {
	for url, want := range map[string][]string{
		"localhost":                                {"localhost:11211"},
		"memcached://localhost":                    {"localhost:11211"},
		"memcached:localhost":                      {"localhost:11211"},
		"MemCached://LOCALHOST:1":                  {"localhost:1"},
		"10.0.0.1;10.0.0.2:11212":                  {"10.0.0.1:11211", "10.0.0.2:11212"},
		"a; b ;c:65535":                            {"a:11211", "b:11211", "c:65535"},
		"[::1]":                                    {"[::1]:11211"},
		"[0:0::1]:7;[fe80::1%eth0]":                {"[::1]:7", "[fe80::1%eth0]:11211"},
		"unix:/run/memcached.sock":                 {"/run/memcached.sock"},
		"memcached://unix:///run/m;cache_1.local.": {"/run/m", "cache_1.local.:11211"},
		"a:011?timeout=2s":                         {"a:11"},
	} {
		set, err := parseURL(url)
		if err != nil {
			t.Errorf("%q: got error %v", url, err)
			continue
		}
		var got []string
		for _, s := range set.servers {
			addr, err := parseServer(s)
			if err != nil {
				t.Errorf("%q: got error %v", url, err)
			}
			if wantUnix := strings.HasPrefix(addr.name, "/"); wantUnix != (addr.Network() == "unix") {
				t.Errorf("%q: network %q", url, addr.Network())
			}
			got = append(got, addr.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got servers %q, want %q", url, got, want)
		}
	}
}

func TestParametersInURL(t *testing.T) {
	set, err := parseURL("memcached://a;b?timeout=250ms&max_idle=7&max_item_size=4194304")
	if err != nil || len(set.servers) != 2 || set.timeout != 250*time.Millisecond || set.maxIdle != 7 || set.maxItemSize != 4<<20 {
		t.Errorf("got %+v, %v", set, err)
	}
	set, err = parseURL("a")
	if err != nil || set.timeout != time.Second || set.maxIdle != 64 || set.maxItemSize != 0 {
		t.Errorf("got defaults %+v, %v", set, err)
	}
}

func TestInvalidURLs(t *testing.T) {
	for url, want := range map[string]string{
		"":                        "names no server",
		"memcached:":              "names no server",
		"memcached://":            "names no server",
		"?timeout=1s":             "names no server",
		"a;":                      "server 2 of 2",
		"a;;b":                    "server 2 of 3",
		"a;b:port":                `"b:port"`,
		"a;b:0":                   `"b:0"`,
		"a:65536":                 `"a:65536"`,
		"a:":                      `"a:"`,
		":11211":                  `":11211"`,
		"::1":                     "[ipv6]",
		"[::1":                    `"[::1"`,
		"[127.0.0.1]":             `"[127.0.0.1]"`,
		"[localhost]:1":           `"[localhost]:1"`,
		"a b":                     `"a b"`,
		"a/b":                     `"a/b"`,
		"http://a":                `"http://a"`,
		"ü":                       `"ü"`,
		"unix:relative":           `"unix:relative"`,
		"unix:":                   `"unix:"`,
		"a;A:11211":               "already",
		"a?timeout=0":             "timeout",
		"a?timeout=1h":            "timeout",
		"a?timeout=soon":          "timeout",
		"a?max_idle=0":            "max_idle",
		"a?max_item_size=100":     "max_item_size",
		"a?max_item_size=1m":      "max_item_size",
		"a?time_out=1s":           `"time_out"`,
		"a?timeout=1s&timeout=2s": `"timeout"`,
		"a?timeout=%zz":           "parameters in Options.URL are invalid",
	} {
		set, err := parseURL(url)
		if err == nil {
			_, err = newSelector(set.servers)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", url, err, want)
		}
	}
}

// The URL has no password, but somebody may write one.
func TestErrorsDoNotQuotePasswords(t *testing.T) {
	for _, url := range []string{"memcached://joe:secret@a", "b;joe:secret@a:1", "a?timeout=secret", "a?max_idle=secret", "a?%zz=secret"} {
		set, err := parseURL(url)
		if err == nil {
			_, err = newSelector(set.servers)
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v", url, err)
		}
	}
}

// FuzzURL looks for a URL that causes a panic, or whose servers are parsed differently
// from their canonical form.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"memcached://10.0.0.1;cache-2:11212;[::1]:7;unix:/run/m.sock?timeout=1s&max_idle=9&max_item_size=65536",
		"", "memcached:", "a;;b", "[::1%25eth0]", "a:99999", "joe:pw@a", "a?x=%zz", "unix:/a\x00b", "[::ffff:1.2.3.4]", "1.2.3",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		set, err := parseURL(url)
		if err != nil {
			return
		}
		for _, s := range set.servers {
			addr, err := parseServer(s)
			if err != nil {
				continue
			}
			name := addr.name
			if addr.network == "unix" {
				name = "unix:" + name
			}
			if again, err := parseServer(name); again != addr || err != nil {
				t.Errorf("%q is %+v, which is parsed as %+v, %v", s, addr, again, err)
			}
		}
	})
}
