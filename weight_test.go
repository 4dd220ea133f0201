package sessions_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Whoever imports a store builds what that store needs and nothing of the
// others'. A line here is a promise to users; adding a module to one takes a
// reason.
func TestPackagesBringOnlyTheirOwnDependencies(t *testing.T) {
	core := []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16"}
	cookie := []string{"github.com/gorilla/securecookie"}
	file := []string{"github.com/gofrs/flock", "github.com/natefinch/atomic", "golang.org/x/sys"}
	dbm := []string{"go.etcd.io/bbolt", "github.com/gofrs/flock", "golang.org/x/sys"}
	memcached := []string{"github.com/bradfitz/gomemcache", "github.com/cespare/xxhash/v2", "github.com/dgryski/go-rendezvous"}
	database := []string{"github.com/mattn/go-sqlite3", "github.com/lib/pq", "github.com/go-sql-driver/mysql", "filippo.io/edwards25519"}
	for pkg, own := range map[string][]string{
		"driver":       nil,
		".":            core,
		"memory":       core,
		"sessionstest": core,
		"cookie":       append(cookie, core...),
		"file":         append(file, core...),
		"dbm":          append(dbm, core...),
		"database":     append(database, core...),
		"memcached":    append(memcached, core...),
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
