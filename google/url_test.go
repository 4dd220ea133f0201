package google

import (
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	for url, want := range map[string]settings{
		"google://my-project":                     {project: "my-project"},
		"google:my-project":                       {project: "my-project"},
		"Google://my-project/":                    {project: "my-project"},
		"my-project":                              {project: "my-project"},
		"google:":                                 {},
		"google://":                               {},
		"":                                        {},
		"google://?kind=S":                        {Options: Options{Kind: "S"}},
		"google://my-project/(default)":           {project: "my-project"},
		"google://my-project/eu-sessions":         {project: "my-project", database: "eu-sessions"},
		"my-project/eu-sessions/?namespace=shop":  {project: "my-project", database: "eu-sessions", Options: Options{Namespace: "shop"}},
		"google://example.com:my-project":         {project: "example.com:my-project"},
		"google://p1?kind=Web%20Session&ttl=yes":  {project: "p1", Options: Options{Kind: "Web Session", TTL: true}},
		"google://p1?emulator=127.0.0.1:8081":     {project: "p1", emulator: "127.0.0.1:8081"},
		"google://p1?emulator=[::1]:8081&ttl=no":  {project: "p1", emulator: "[::1]:8081"},
		"google://p1?timeout=1500ms&namespace=A.": {project: "p1", Options: Options{Timeout: 1500 * time.Millisecond, Namespace: "A."}},
	} {
		set, err := parseURL(url, Options{})
		if err != nil || set != want {
			t.Errorf("%q: got %+v, %v, want %+v", url, set, err, want)
		}
	}
}

func TestURLOverridesOptions(t *testing.T) {
	o := Options{Namespace: "a", Kind: "A", Timeout: time.Second, TTL: true}
	set, err := parseURL("google://p1", o)
	if err != nil || set.Options != o {
		t.Errorf("got %+v, %v", set, err)
	}
	set, err = parseURL("google://p1?namespace=b&kind=B&timeout=2s&ttl=no", o)
	if err != nil || set.Options != (Options{Namespace: "b", Kind: "B", Timeout: 2 * time.Second}) {
		t.Errorf("got %+v, %v", set, err)
	}
	set = settings{}
	if err := set.validate(""); err != nil || set.Options != (Options{Kind: "Session", Timeout: 10 * time.Second}) {
		t.Errorf("got defaults %+v, %v", set, err)
	}
	if err := set.validate("shop"); err != nil || set.Namespace != "shop" {
		t.Errorf("with Options.Namespace: %+v, %v", set, err)
	}
}

func TestInvalidURLs(t *testing.T) {
	long := strings.Repeat("x", 101)
	for url, want := range map[string]string{
		"google://My-Project":               "project",
		"google://-p":                       "project",
		"google://p":                        "project",
		"google://p q":                      "project",
		"google://my-project:8081":          "project",
		"google://p1/a/b":                   "database",
		"google://p1/A":                     "database",
		"google://p1/(none)":                "database",
		"google://p1?database=x":            `"database"`,
		"google://p1?knd=x":                 `"knd"`,
		"google://p1?kind=a&kind=b":         `"kind"`,
		"google://p1?kind=" + long:          "kind",
		"google://p1?kind=__x__":            "kind",
		"google://p1?kind=a%00":             "kind",
		"google://p1?kind=%ff":              "kind",
		"google://p1?namespace=a/b":         "namespace",
		"google://p1?namespace=__a__":       "namespace",
		"google://p1?namespace=" + long:     "namespace",
		"google://p1?timeout=0":             "timeout",
		"google://p1?timeout=soon":          "timeout",
		"google://p1?timeout=1h":            "timeout",
		"google://p1?timeout=-1s":           "timeout",
		"google://p1?ttl=maybe":             "ttl",
		"google://p1?emulator=localhost":    "emulator",
		"google://p1?emulator=:8081":        "emulator",
		"google://p1?emulator=http://a:80":  "emulator",
		"google://?emulator=localhost:8081": "project",
		"google://p1?%zz":                   "parameters in Options.URL are invalid",
		"google://p1#x":                     "credentials",
		"google://account@p1":               "credentials",
	} {
		set, err := parseURL(url, Options{})
		if err == nil {
			err = set.validate("")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", url, err, want)
		}
	}
	set := settings{Options: Options{Namespace: "a"}}
	if err := set.validate("b"); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("two namespaces: got error %v", err)
	}
}

// The URL has no password, but somebody may write one.
func TestErrorsDoNotQuotePasswords(t *testing.T) {
	for _, url := range []string{"google://joe:secret@p1", "google://p1/secret?x=y@", "google://p1?kind=__secret__", "google://p1?emulator=joe:secret@a:1",
		"google://p1?timeout=secret", "google://p1?%zz=secret", "google://Secret:secret"} {
		set, err := parseURL(url, Options{})
		if err == nil {
			err = set.validate("")
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v", url, err)
		}
	}
}

// FuzzURL looks for a URL that causes a panic, has invalid settings, or is parsed
// differently after its project and database are formatted again.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"google://my-project/db-1?namespace=shop&kind=WebSession&timeout=2s&ttl=yes&emulator=127.0.0.1:8081",
		"", "google:", "example.com:p1", "google://p1/(default)", "google://p1?kind=%00", "google://a@b", "google://p1?namespace=__x__",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		set, err := parseURL(url, Options{})
		if err != nil || set.validate("") != nil {
			return
		}
		if strings.ContainsAny(set.project+set.database, "@/?#% ") || set.Kind == "" || len(set.Namespace) > 100 || set.Timeout <= 0 {
			t.Errorf("%q is %+v", url, set)
		}
		again, err := parseURL(scheme+"//"+set.project+"/"+set.database, Options{})
		if err != nil || again.project != set.project || again.database != set.database {
			t.Errorf("%q is %+v, which is parsed as %+v, %v", url, set, again, err)
		}
	})
}
