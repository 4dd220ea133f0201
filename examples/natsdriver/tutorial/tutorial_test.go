// Package tutorial carries out docs/writing-a-driver.md: it writes each file,
// runs each command, compares what is printed, and sees that in the end the
// driver of the tutorial is the one beside this directory.
//
// A block says what it is by the words behind its fence: "go store.go" is a
// whole file, "go store.go changes" are the declarations that change in it, and
// "console" is a command with some of the lines that it prints; "…" stands for
// the others. Figures may differ. Blocks in other languages are not carried out.
// As no browser shows those words, the line before the block names the file too.
package tutorial

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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
	r := &reader{t: t, dir: t.TempDir()}
	r.init()
	for _, b := range blocks(string(text)) {
		r.do(b)
	}
	if r.files == 0 || r.commands == 0 {
		t.Fatalf("%d files and %d commands: the document is not read right", r.files, r.commands)
	}
	r.run("go vet ./...")
	for _, name := range []string{"driver.go", "store.go", "list.go", "contract_test.go"} {
		r.compare(name)
	}
	r.cases(string(text))
	if n := strings.Count(string(text), "\n"); n > 600 {
		t.Errorf("the tutorial has %d lines; an afternoon is 600", n)
	}
}

// block is a fenced block, or a heading.
type block struct {
	line int
	head string   // the last line of text before it
	info []string // the words behind the fence; for a heading, "#"
	text string
}

func blocks(document string) (all []block) {
	var open *block
	var head string
	for i, line := range strings.Split(document, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{line: i + 1, head: head, info: strings.Fields(fence)}
		case isFence:
			all, open = append(all, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "#"):
			all = append(all, block{line: i + 1, info: []string{"#"}, text: line})
		case line != "":
			head = line
		}
	}
	return all
}

// reader does as the tutorial says.
type reader struct {
	t               *testing.T
	dir             string
	files, commands int
	unchecked       bool // files were written and not compiled since
}

// init does what "go mod init" and "go get" do for a reader outside.
func (r *reader) init() {
	root, err := filepath.Abs(library)
	if err != nil {
		r.t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		r.t.Fatal(err)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		r.t.Fatal(err)
	}
	s := strings.Replace(string(mod), "module github.com/pump-go/sessions/examples/natsdriver", "module example.com/natsdriver", 1)
	r.write("go.mod", s+"\nreplace github.com/pump-go/sessions => "+root+"\n")
	r.write("go.sum", string(sum))
}

func (r *reader) do(b block) {
	r.t.Helper()
	switch {
	case len(b.info) == 0:
		r.t.Fatalf("line %d: the block does not say what it is", b.line)
	case b.info[0] == "#":
		if r.unchecked { // a step ends, and so it compiles
			r.run("go vet ./...")
		}
	case b.info[0] == "console":
		r.console(b)
	case len(b.info) > 1 && b.head != strings.Join(append([]string{"`" + b.info[1] + "`"}, b.info[2:]...), ", "):
		r.t.Fatalf("line %d: the block of %s is headed %q", b.line, b.info[1:], b.head)
	case len(b.info) == 2:
		r.write(b.info[1], b.text)
		r.unchecked = true
		r.files++
	case len(b.info) == 3 && b.info[2] == "changes":
		r.change(b)
		r.unchecked = true
		r.files++
	case b.info[0] == "go":
		r.t.Fatalf("line %d: a block of Go without a file", b.line)
	}
}

func (r *reader) write(name, text string) {
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) read(name string) string {
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// command runs a command and returns what it prints.
func (r *reader) command(line string) (string, error) {
	args := strings.Fields(line)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs a command that has to succeed.
func (r *reader) run(line string) {
	r.t.Helper()
	if out, err := r.command(line); err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	r.unchecked = false
}

// console runs a command until it prints what the block shows: some of the
// failures shown are of races, which do not come about each time.
func (r *reader) console(b block) {
	r.t.Helper()
	prompt, shown, _ := strings.Cut(b.text, "\n")
	line, ok := strings.CutPrefix(prompt, "$ go test")
	if !ok {
		r.t.Fatalf("line %d: no command: %s", b.line, prompt)
	}
	line = "go test -count=1" + line
	r.commands++
	for try := 1; ; try++ {
		out, _ := r.command(line)
		missing := missing(out, shown)
		if missing == "" {
			r.t.Logf("line %d: %s, as shown", b.line, prompt)
			r.unchecked = false
			return
		}
		if try == 5 {
			r.t.Fatalf("line %d: %s does not print %q, but\n%s", b.line, prompt, missing, out)
		}
	}
}

var figures = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// missing returns the first line of shown that is not in out, behind those
// before it.
func missing(out, shown string) string {
	lines := strings.Split(figures.ReplaceAllString(out, "0"), "\n")
	for _, want := range strings.Split(strings.TrimSpace(shown), "\n") {
		want = strings.TrimSpace(want)
		if want == "…" {
			continue
		}
		i := slices.IndexFunc(lines, func(line string) bool {
			return strings.TrimSpace(line) == figures.ReplaceAllString(want, "0")
		})
		if i < 0 {
			return want
		}
		lines = lines[i+1:]
	}
	return ""
}

// source is a file by its declarations, in order.
type source struct {
	names []string
	text  map[string]string
}

// parse reads a file, or declarations without a package clause.
func (r *reader) parse(text string, keep parser.Mode) source {
	r.t.Helper()
	if !strings.Contains("\n"+text, "\npackage ") {
		text = "package natsdriver\n\n" + text
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, keep|parser.SkipObjectResolution)
	if err != nil {
		r.t.Fatalf("%v in\n%s", err, text)
	}
	s := source{text: map[string]string{}}
	for _, d := range f.Decls {
		var b bytes.Buffer
		if keep&parser.ParseComments != 0 { // as it is written
			b.WriteString(text[fset.Position(start(d)).Offset:fset.Position(d.End()).Offset])
		} else if err := format.Node(&b, fset, d); err != nil {
			r.t.Fatal(err)
		}
		name := nameOf(d)
		if _, twice := s.text[name]; twice {
			r.t.Fatalf("two declarations are %s", name)
		}
		s.names, s.text[name] = append(s.names, name), b.String()
	}
	return s
}

// start is where a declaration begins, with its comment.
func start(d ast.Decl) token.Pos {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			return d.Doc.Pos()
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return d.Doc.Pos()
		}
	}
	return d.Pos()
}

// nameOf tells declarations apart.
func nameOf(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return "method " + d.Name.Name // of the one type that has any
		}
		return "func " + d.Name.Name
	case *ast.GenDecl:
		switch spec := d.Specs[0].(type) {
		case *ast.ImportSpec:
			return "import"
		case *ast.TypeSpec:
			return "type " + spec.Name.Name
		case *ast.ValueSpec:
			return d.Tok.String() + " " + spec.Names[0].Name
		}
	}
	return fmt.Sprintf("%T", d)
}

// change puts declarations into the place of those of the same name, or behind
// the others.
func (r *reader) change(b block) {
	r.t.Helper()
	file := r.parse(r.read(b.info[1]), parser.ParseComments)
	changed := r.parse(b.text, parser.ParseComments)
	for _, name := range changed.names {
		if _, there := file.text[name]; !there {
			file.names = append(file.names, name)
		}
		file.text[name] = changed.text[name]
	}
	out := "package natsdriver\n"
	for _, name := range file.names {
		out += "\n" + file.text[name] + "\n"
	}
	if formatted, err := format.Source([]byte(out)); err != nil {
		r.t.Fatalf("line %d: %v in\n%s", b.line, err, out)
	} else {
		r.write(b.info[1], string(formatted))
	}
}

// compare sees that a file declares what the example's does, comments aside.
func (r *reader) compare(name string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		r.t.Fatal(err)
	}
	want, got := r.parse(string(text), 0), r.parse(r.read(name), 0)
	for _, d := range want.names {
		if got.text[d] != want.text[d] {
			r.t.Errorf("%s: in the tutorial, %s is\n%s\nand in the example\n%s", name, d, got.text[d], want.text[d])
		}
	}
	if len(got.names) != len(want.names) {
		r.t.Errorf("%s: the tutorial declares %q, the example %q", name, got.names, want.names)
	}
}

var (
	row      = regexp.MustCompile(`(?m)^\|.*\|$`)
	caseName = regexp.MustCompile("`([a-z]+-[a-z-]+)`")
)

// cases sees that each case that a table names is there, and that none was
// skipped but those about a directory, the sweep and a newer format.
func (r *reader) cases(document string) {
	r.t.Helper()
	out, err := r.command("go test -count=1 -v -run ^TestContract$ .")
	skipped := strings.Count(out, "--- SKIP")
	declared := strings.Count(out, "DataDir") + strings.Count(out, "cannot Sweep: ") + strings.Count(out, "Newer")
	if err != nil || skipped != declared {
		r.t.Errorf("the conformance suite, in the end: %v\n%s", err, out)
	}
	n := 0
	for _, line := range row.FindAllString(document, -1) {
		for _, name := range caseName.FindAllStringSubmatch(line, -1) {
			if n++; !strings.Contains(out, "TestContract/"+name[1]+" ") {
				r.t.Errorf("there is no case %s", name[1])
			}
		}
	}
	if n == 0 {
		r.t.Error("no table names a case")
	}
}
