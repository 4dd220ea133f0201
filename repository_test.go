package sessions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test that the documents name, as `package.TestName`, exists. The root package is
// sessions, and that of examples/app is app.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	there := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := filepath.Base(filepath.Dir(path))
		if pkg == "." {
			pkg = "sessions"
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				there[pkg+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`([a-z]+\\.(?:Test|Fuzz|Example|Benchmark)\\w*)`")
	for _, doc := range []string{"SECURITY.md", filepath.Join("docs", "fuzzing.md")} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		named := name.FindAllSubmatch(text, -1)
		if len(named) < 10 {
			t.Errorf("%s names only %d tests", doc, len(named))
		}
		for _, n := range named {
			if !there[string(n[1])] {
				t.Errorf("%s names %s, which does not exist", doc, n[1])
			}
		}
	}
}

// A program that imports a store builds only the dependencies of that store, as
// documented.
func TestDependencies(t *testing.T) {
	core := []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16"}
	cookie := []string{"github.com/gorilla/securecookie"}
	file := []string{"github.com/gofrs/flock", "github.com/natefinch/atomic", "golang.org/x/sys"}
	dbm := []string{"go.etcd.io/bbolt", "github.com/gofrs/flock", "golang.org/x/sys"}
	memcached := []string{"github.com/bradfitz/gomemcache", "github.com/cespare/xxhash/v2", "github.com/dgryski/go-rendezvous"}
	redis := []string{"github.com/redis/go-redis/v9", "github.com/cespare/xxhash/v2", "go.uber.org/atomic", "golang.org/x/sys"}
	database := []string{"github.com/mattn/go-sqlite3", "github.com/lib/pq", "github.com/go-sql-driver/mysql", "filippo.io/edwards25519"}
	// Datastore's client: gRPC, Google's credentials, and the traces of both.
	google := []string{
		"cloud.google.com/go", "cloud.google.com/go/auth", "cloud.google.com/go/auth/oauth2adapt", "cloud.google.com/go/compute/metadata",
		"cloud.google.com/go/datastore", "github.com/cespare/xxhash/v2", "github.com/felixge/httpsnoop", "github.com/go-logr/logr",
		"github.com/go-logr/stdr", "github.com/google/s2a-go", "github.com/googleapis/enterprise-certificate-proxy",
		"github.com/googleapis/gax-go/v2", "go.opentelemetry.io/auto/sdk",
		"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
		"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/log",
		"go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace", "golang.org/x/crypto", "golang.org/x/net", "golang.org/x/oauth2",
		"golang.org/x/sync", "golang.org/x/sys", "golang.org/x/text", "golang.org/x/time", "google.golang.org/api", "google.golang.org/genproto",
		"google.golang.org/genproto/googleapis/api", "google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
	}
	for pkg, own := range map[string][]string{
		"driver":       nil,
		".":            core,
		"memory":       core,
		"sessionstest": core,
		"dbsc":         core,
		"cookie":       append(cookie, core...),
		"file":         append(file, core...),
		"dbm":          append(dbm, core...),
		"database":     append(database, core...),
		"memcached":    append(memcached, core...),
		"redis":        append(redis, core...),
		"google":       append(google, core...),
		"examples/app": slices.Concat(cookie, file, dbm, core),
	} {
		t.Run(pkg, func(t *testing.T) {
			// -test: a dependency's tests count too when a user tidies.
			out, err := exec.Command("go", "list", "-deps", "-test",
				"-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./"+pkg).Output()
			if err != nil {
				t.Fatalf("go list: %v", err)
			}
			for _, module := range strings.Fields(string(out)) {
				if !slices.Contains(own, module) {
					t.Errorf("brings in %s", module)
				}
			}
		})
	}
}
