// Package tutorial carries out docs/writing-a-driver.md, and checks that in the end
// the driver of the tutorial is the one beside this directory.
package tutorial

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/walkthrough"
)

const (
	document = "../../../docs/writing-a-driver.md"
	library  = "../../.."
)

func TestTutorial(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{Walk: walkthrough.Walk{T: t, Dir: t.TempDir(), Env: []string{"GOFLAGS=-mod=mod"}}}
	r.init()
	r.Page(string(text))
	for _, name := range []string{"driver.go", "store.go", "list.go", "contract_test.go"} {
		r.compare(name)
	}
	r.cases(string(text))
	if n := strings.Count(string(text), "\n"); n > 600 {
		t.Errorf("the tutorial has %d lines; an afternoon is 600", n)
	}
}

type reader struct{ walkthrough.Walk }

// init does what "go mod init" and "go get" do for a reader outside.
func (r *reader) init() {
	root, err := filepath.Abs(library)
	if err != nil {
		r.T.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		r.T.Fatal(err)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		r.T.Fatal(err)
	}
	s := strings.Replace(string(mod), "module github.com/pump-go/sessions/examples/natsdriver", "module example.com/natsdriver", 1)
	for name, text := range map[string]string{
		"go.mod": s + "\nreplace github.com/pump-go/sessions => " + root + "\n",
		"go.sum": string(sum),
	} {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(text), 0o666); err != nil {
			r.T.Fatal(err)
		}
	}
}

// compare checks that a file declares what the example's does, comments aside.
func (r *reader) compare(name string) {
	r.T.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		r.T.Fatal(err)
	}
	want, err := walkthrough.ParseSource(string(text), 0)
	if err != nil {
		r.T.Fatal(err)
	}
	got, err := walkthrough.ParseSource(r.Read(name), 0)
	if err != nil {
		r.T.Fatal(err)
	}
	for _, d := range want.Names {
		if got.Text[d] != want.Text[d] {
			r.T.Errorf("%s: in the tutorial, %s is\n%s\nand in the example\n%s", name, d, got.Text[d], want.Text[d])
		}
	}
	if len(got.Names) != len(want.Names) {
		r.T.Errorf("%s: the tutorial declares %q, the example %q", name, got.Names, want.Names)
	}
}

var (
	row      = regexp.MustCompile(`(?m)^\|.*\|$`)
	caseName = regexp.MustCompile("`([a-z]+-[a-z-]+)`")
)

// cases checks that each case that a table names is there, and that none was
// skipped but those about a directory, the sweep, a newer format and Renew.
func (r *reader) cases(document string) {
	r.T.Helper()
	out, err := r.Command("go test -count=1 -v -run ^TestContract$ .")
	skipped := strings.Count(out, "--- SKIP")
	declared := strings.Count(out, "DataDir") + strings.Count(out, "cannot Sweep: ") + strings.Count(out, "Newer") + strings.Count(out, "does not implement driver.Renewer")
	if err != nil || skipped != declared {
		r.T.Errorf("the conformance suite, in the end: %v\n%s", err, out)
	}
	n := 0
	for _, line := range row.FindAllString(document, -1) {
		for _, name := range caseName.FindAllStringSubmatch(line, -1) {
			if n++; !strings.Contains(out, "TestContract/"+name[1]+" ") {
				r.T.Errorf("there is no case %s", name[1])
			}
		}
	}
	if n == 0 {
		r.T.Error("no table names a case")
	}
}
