package consumer

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/walkthrough"
)

const (
	module = "github.com/pump-go/sessions"
	root   = "../.."
)

// promised are the modules that a program downloads for each store, beside the root
// module. A line here is a promise to users; adding a module to it takes a reason.
var promised = map[string][]string{
	"memory":    core,
	"cookie":    append([]string{"github.com/gorilla/securecookie"}, core...),
	"file":      append([]string{"github.com/gofrs/flock", "github.com/natefinch/atomic", "golang.org/x/sys"}, core...),
	"dbm":       append([]string{"go.etcd.io/bbolt", "github.com/gofrs/flock", "golang.org/x/sys"}, core...),
	"memcached": append([]string{module + "/memcached", "github.com/bradfitz/gomemcache", "github.com/cespare/xxhash/v2", "github.com/dgryski/go-rendezvous"}, core...),
	"redis":     append([]string{module + "/redis", "github.com/redis/go-redis/v9", "github.com/cespare/xxhash/v2", "go.uber.org/atomic", "golang.org/x/sys"}, core...),
	"database": append([]string{module + "/database", "github.com/mattn/go-sqlite3", "github.com/lib/pq", "github.com/go-sql-driver/mysql",
		"filippo.io/edwards25519"}, core...),
}

var core = []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16"}

// Somebody with an empty machine writes the README's first program, for one
// store or another, and gets our modules from a proxy.
func TestAProgramDownloadsWhatItsStoreNeedsAndNoMore(t *testing.T) {
	proxy, version := walkthrough.Publish(t, root)
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

// older is a program with dependencies that are older than those of our stores.
const older = `module example.com/app

go 1.26.0

require (
	github.com/go-logr/logr v1.2.4
	github.com/go-sql-driver/mysql v1.7.0
	github.com/lib/pq v1.10.0
	golang.org/x/crypto v0.17.0
	google.golang.org/grpc v1.60.0
)
`

const olderMain = `package main

import (
	_ "github.com/go-logr/logr"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"
	_ "golang.org/x/crypto/bcrypt"
	_ "google.golang.org/grpc/codes"
)

func main() {}
`

// A store raises the versions of what it needs itself, and of nothing that other
// stores need.
func TestAProgramKeepsItsVersions(t *testing.T) {
	proxy, version := walkthrough.Publish(t, root)
	cache := t.TempDir()
	embedded := []string{"golang.org/x/sys"} // which flock and bbolt ask for
	for _, on := range []struct {
		store  string
		raised []string // of the program's own
	}{
		{"memory", embedded},
		{"file", embedded},
		{"dbm", embedded},
		{"cookie", embedded},
		{"memcached", embedded},
		{"redis", embedded},
		{"database", append([]string{"github.com/go-sql-driver/mysql", "github.com/lib/pq"}, embedded...)},
	} {
		t.Run(on.store, func(t *testing.T) {
			c := consumer{t: t, dir: t.TempDir(), cache: cache, proxy: proxy}
			c.write("go.mod", older)
			c.write("main.go", olderMain)
			c.run("mod", "tidy")
			before := c.required()
			c.write("store.go", "package main\n\nimport _ \""+module+"/"+on.store+"\"\n")
			c.run("get", module+"@"+version)
			c.run("mod", "tidy")
			after := c.required()
			for path, v := range before {
				if after[path] != v && !slices.Contains(on.raised, path) {
					t.Errorf("%s: %s became %q", path, v, after[path])
				}
			}
			for _, path := range on.raised {
				if before[path] == "" || after[path] == before[path] {
					t.Errorf("%s stayed at %s: the list is too long", path, after[path])
				}
			}
			for path := range after {
				known := before[path] != "" || path == module || slices.Contains(promised[on.store], path)
				if !known && (on.store == "memory" || on.store == "database" || on.store == "cookie") {
					t.Errorf("go.mod got %s", path)
				}
				if strings.HasPrefix(path, "cloud.google.com/") || path == "google.golang.org/api" {
					t.Errorf("go.mod got %s, which is another store's", path)
				}
			}
		})
	}
}

// The command is installed as its documentation says.
func TestTheCommandIsInstalled(t *testing.T) {
	proxy, version := walkthrough.Publish(t, root)
	c := consumer{t: t, dir: t.TempDir(), cache: t.TempDir(), proxy: proxy, env: []string{
		"GOBIN=" + t.TempDir(),
		"GOFLAGS=-mod=mod -modcacherw -trimpath",
		"CGO_ENABLED=0",
	}}
	c.run("install", module+"/cmd/sessions@"+version)
	bin := strings.TrimPrefix(c.env[0], "GOBIN=")
	out, err := exec.Command(filepath.Join(bin, "sessions"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "sessions "+version+",") {
		t.Errorf("%v, %s", err, out)
	}
}

// consumer is somebody's new program.
type consumer struct {
	t          *testing.T
	dir, cache string
	proxy      string
	env        []string
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
	cmd.Env = append(os.Environ(), walkthrough.Environment(c.proxy, c.cache)...)
	cmd.Env = append(cmd.Env, c.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

var requirement = regexp.MustCompile(`(?m)^(?:require)?\s+(\S+) (v\S+)`)

// required are the modules in go.mod, with their versions.
func (c *consumer) required() map[string]string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "go.mod"))
	if err != nil {
		c.t.Fatal(err)
	}
	all := make(map[string]string)
	for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = m[2]
	}
	return all
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
