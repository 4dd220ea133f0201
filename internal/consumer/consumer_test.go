package consumer

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module  = "github.com/pump-go/sessions"
	version = "v0.1.0" // any will do: it is published for this test alone
	root    = "../.."
)

// promised are the modules that a program downloads for each store, beside this
// one. A line here is a promise to users; adding a module to it takes a reason.
// Those of google are thirty, and take a minute to unpack: TestPackagesBringOnlyTheirOwnDependencies
// has them.
var promised = map[string][]string{
	"memory":    core,
	"cookie":    append([]string{"github.com/gorilla/securecookie"}, core...),
	"file":      append([]string{"github.com/gofrs/flock", "github.com/natefinch/atomic", "golang.org/x/sys"}, core...),
	"dbm":       append([]string{"go.etcd.io/bbolt", "github.com/gofrs/flock", "golang.org/x/sys"}, core...),
	"memcached": append([]string{"github.com/bradfitz/gomemcache", "github.com/cespare/xxhash/v2", "github.com/dgryski/go-rendezvous"}, core...),
	"database": append([]string{"github.com/mattn/go-sqlite3", "github.com/lib/pq", "github.com/go-sql-driver/mysql",
		"filippo.io/edwards25519"}, core...),
}

var core = []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16"}

// Somebody with an empty machine writes the README's first program, for one
// store or another, and gets this module from a proxy.
func TestAProgramDownloadsWhatItsStoreNeedsAndNoMore(t *testing.T) {
	proxy := publish(t)
	program := firstProgram(t)
	for store, want := range promised {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			c := consumer{t: t, dir: t.TempDir(), cache: t.TempDir(), proxy: proxy}
			c.write("main.go", strings.ReplaceAll(program, "memory", store))
			c.run("mod", "init", "example.com/app")
			c.run("get", module+"@"+version)
			c.run("get", ".")
			c.run("list", "-deps", ".") // what a build needs
			if store == "memory" {
				c.run("build", ".")
				// Tidying also looks at what the tests of dependencies need. Those
				// of gofrs/flock and others need more than their users do; cbor's
				// and our own do not.
				c.run("mod", "tidy")
			}
			got := c.downloaded()
			if want := slices.Sorted(slices.Values(append([]string{module}, want...))); !slices.Equal(got, want) {
				t.Errorf("downloaded\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
}

// consumer is somebody's new program.
type consumer struct {
	t          *testing.T
	dir, cache string
	proxy      string
}

func (c *consumer) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// run runs the go command.
func (c *consumer) run(args ...string) {
	c.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(),
		"GOMODCACHE="+c.cache,
		"GOPROXY="+c.proxy,
		"GOFLAGS=-modcacherw", // or the test's directory could not be removed
		"GOSUMDB=off",         // no network
		"GONOSUMDB=", "GOPRIVATE=", "GONOPROXY=", "GOWORK=off", "GOTOOLCHAIN=local",
	)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// downloaded are the modules whose source was fetched.
func (c *consumer) downloaded() []string {
	c.t.Helper()
	base := filepath.Join(c.cache, "cache", "download")
	var modules []string
	err := filepath.WalkDir(base, func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".zip" {
			name, _ := filepath.Rel(base, filepath.Dir(filepath.Dir(path)))
			modules = append(modules, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(modules)
	return modules
}

// firstProgram is the one that the README begins with.
func firstProgram(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "```go\n")
	program, _, closed := strings.Cut(after, "```")
	if !found || !closed || !strings.Contains(program, `_ "`+module+`/memory"`) {
		t.Fatal("the README does not begin with a program on the memory store")
	}
	return program
}
