package gothtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pump-go/sessions/gorillasessions/internal/judges"
)

var _ = assert.New // the tests of gothic use it

// upstreamStore is the environment variable with which the tests of gothic are run.
const upstreamStore = "GOTHTEST_STORE"

// The tests of package gothic pass with our store. They are taken from the module
// cache, as they are there but for the store, and compiled as tests of this package.
func TestGothicsOwnTests(t *testing.T) {
	if os.Getenv(upstreamStore) != "" {
		return // this is the run with them
	}
	if testing.Short() {
		t.Skip("compiles a test program")
	}
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/markbates/goth/gothic").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	sources, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*_test.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	scratch, overlay, replaced := t.TempDir(), make(map[string]string), 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		const theirs, ours = "Store = NewProviderStore()", "Store = newStore()"
		replaced += strings.Count(string(text), theirs)
		changed := strings.ReplaceAll(string(text), theirs, ours)
		changed = strings.Replace(changed, "package gothic_test", "package gothtest", 1)
		file := filepath.Join(scratch, filepath.Base(source))
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(here, "upstream_"+filepath.Base(source))] = file
	}
	if replaced == 0 {
		t.Fatal("the tests of gothic set no Store any more")
	}
	file := filepath.Join(scratch, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(scratch, "gothic.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", file, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	for _, store := range judges.Stores {
		t.Run(store, func(t *testing.T) {
			c := exec.Command(program, "-test.v", "-test.run", "^Test_")
			c.Env = append(os.Environ(), upstreamStore+"="+store, "GOTHTEST_DIR="+t.TempDir())
			out, err := c.CombinedOutput()
			if n := strings.Count(string(out), "--- PASS: Test_"); err != nil || n < 10 {
				t.Errorf("%d tests passed, %v\n%s", n, err, out)
			}
		})
	}
}
