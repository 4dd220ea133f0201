package docs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testedElsewhere has the pages whose blocks another test compiles.
var testedElsewhere = map[string]string{
	"docs/writing-a-driver.md": "examples/natsdriver/tutorial carries the whole page out",
}

// fragmentParams declares the variables that every fragment may use.
const fragmentParams = `ctx context.Context, w http.ResponseWriter, r *http.Request, mux *http.ServeMux, ` +
	`m *sessions.Manager, s *sessions.Session, secret []byte, err error`

// known has the packages that fragments may use without importing them.
var known = map[string]string{
	"cookie":       "github.com/pump-go/sessions/cookie",
	"database":     "github.com/pump-go/sessions/database",
	"dbsc":         "github.com/pump-go/sessions/dbsc",
	"dbm":          "github.com/pump-go/sessions/dbm",
	"driver":       "github.com/pump-go/sessions/driver",
	"file":         "github.com/pump-go/sessions/file",
	"google":       "github.com/pump-go/sessions/google",
	"memcached":    "github.com/pump-go/sessions/memcached",
	"memory":       "github.com/pump-go/sessions/memory",
	"redis":        "github.com/pump-go/sessions/redis",
	"otelsessions": "github.com/pump-go/sessions/otelsessions",
	"rand":         "crypto/rand",
	"sessions":     "github.com/pump-go/sessions",
	"sessionstest": "github.com/pump-go/sessions/sessionstest",
	"bytes":        "bytes",
	"context":      "context",
	"errors":       "errors",
	"fmt":          "fmt",
	"http":         "net/http",
	"httptest":     "net/http/httptest",
	"json":         "encoding/json",
	"log":          "log",
	"os":           "os",
	"signal":       "os/signal",
	"slog":         "log/slog",
	"slices":       "slices",
	"strings":      "strings",
	"syscall":      "syscall",
	"testing":      "testing",
	"time":         "time",
	"scs":          "github.com/alexedwards/scs/v2",
}

// moduleOf returns the directory of the module that requires what a page's block
// imports.
func moduleOf(page string, imports []string) string {
	if slices.Contains(imports, "github.com/pump-go/sessions/gorillasessions") {
		return "gorillasessions/internal/judges"
	}
	for _, imported := range imports {
		switch {
		case strings.HasPrefix(imported, "github.com/pump-go/sessions/otelsessions"), strings.HasPrefix(imported, "go.opentelemetry.io/"):
			return "otelsessions"
		case strings.HasPrefix(imported, "github.com/alexedwards/scs"), strings.HasPrefix(imported, "github.com/gorilla/sessions"):
			return "bench"
		}
	}
	dir := path.Dir(page)
	for dir != "." {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir), "go.mod")); err == nil {
			break
		}
		dir = path.Dir(dir)
	}
	return dir
}

// block is a Go block in a page.
type block struct {
	page string
	line int // of the first line of its text
	text string
}

// blocks returns the page's Go blocks, including those in comments. It leaves out the
// files of pages that internal/consumer carries out.
func (p *page) blocks() []block {
	var all []block
	var b *block
	for i, line := range p.lines {
		switch {
		case b == nil && (p.fence[i] && fenceOf(line) != "" && language(line) == "go" && !p.carriedOut(line) || !p.fence[i] && line == "<!-- go"):
			b = &block{page: p.path, line: i + 2}
		case b != nil && (p.fence[i] && fenceOf(line) != "" || !p.fence[i] && line == "-->"):
			all = append(all, *b)
			b = nil
		case b != nil:
			b.text += line + "\n"
		}
	}
	return all
}

// carriedOut reports whether the fence is of a block with a file, in a page of docs.
func (p *page) carriedOut(fence string) bool {
	return path.Dir(p.path) == "docs" && len(strings.Fields(fence)) > 1
}

func language(fence string) string {
	info := strings.TrimSpace(strings.Trim(strings.TrimSpace(fence), "`~"))
	word, _, _ := strings.Cut(info, " ")
	return word
}

// unit is a set of files compiled together: a program, or the fragments of a page.
type unit struct {
	page     string
	name     string
	fragment bool
	files    []*ast.File
	imports  []string
}

func TestGoBlocksCompile(t *testing.T) {
	checked := 0
	for _, p := range pages(t) {
		if why, ok := testedElsewhere[p.path]; ok {
			t.Logf("%s: %s", p.path, why)
			continue
		}
		blocks := p.blocks()
		if len(blocks) == 0 {
			continue
		}
		checked += len(blocks)
		t.Run(p.path, func(t *testing.T) {
			for _, err := range compile(blocks) {
				if errors.Is(err, errNoModule) {
					t.Log(err) // a downloaded module does not contain the others
					continue
				}
				t.Error(err)
			}
		})
	}
	if checked < 10 {
		t.Errorf("only %d blocks were found", checked)
	}
}

// TestGoBlocksCompile must detect faults.
func TestFaultsInBlocksAreDetected(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // "" if there is no fault
	}{
		{"s.Renew()\nname, ok := s.Get(\"x\").(string)\n", ""},
		{"s.Renwe()\n", "s.Renwe undefined"},
		{"http.Error(w, err)\n", "not enough arguments"},
		{"nobody.Knows(s)\n", "undefined: nobody"},
		{"sessions.Options{Cookie: sessions.Cookie{Secure: true}}\n", ""},
		{"sessions.Options{Secure: true}\n", "unknown field Secure"},
		{"import _ \"github.com/pump-go/sessions/memory\"\n\nm, err := sessions.New(ctx, sessions.Options{})\n", ""},
		{"import _ \"github.com/pump-go/sessions/nowhere\"\n\nm.Close()\n", "nowhere"},
		{"import (\n\t\"os\"\n)\n\nm.Close()\n", "imported and not used"},
		{"const user sessions.Key[string] = \"user\"\n\nfunc f(s *sessions.Session) int { n, _ := user.Get(s); return n }\n", "cannot use n"},
		{"package main\n\nimport \"os\"\n\nfunc main() {}\n", "imported and not used"},
		{"package main\n\nfunc main() {x()}\n", "not formatted"},
		{"if s.Err() {\n", "neither declarations nor statements"},
	} {
		errs := compile([]block{{page: "page.md", line: 7, text: c.text}})
		switch {
		case c.want == "" && len(errs) > 0:
			t.Errorf("%s: %v", c.text, errs)
		case c.want != "" && (len(errs) == 0 || !strings.Contains(errs[0].Error(), c.want)):
			t.Errorf("%s: errors %v, want one with %q", c.text, errs, c.want)
		case c.want != "" && !strings.Contains(errs[0].Error(), "page.md:"):
			t.Errorf("%s: %v has no position", c.text, errs[0])
		}
	}
	both := []block{{"page.md", 3, "greet(s)\n"}, {"page.md", 9, "func greet(s *sessions.Session) {}\n"}}
	if errs := compile(both); len(errs) > 0 {
		t.Errorf("a block cannot use the declarations of another on its page: %v", errs)
	}
}

// compile returns the errors in a page's blocks.
func compile(blocks []block) (errs []error) {
	fset := token.NewFileSet()
	fragments := map[string]*unit{}
	home := moduleOf(blocks[0].page, nil)
	var program *unit // the last one before the block
	for _, b := range blocks {
		u, err := parse(fset, b)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !u.fragment && program != nil && slices.Contains(u.imports, "testing"):
			// A test file belongs to the program before it.
			u.files, u.imports = append(u.files, program.files...), append(u.imports, program.imports...)
			errs = append(errs, check(fset, u)...)
		case !u.fragment:
			program = u
			errs = append(errs, check(fset, u)...)
		default:
			// A page's fragments are one program for each module that they need.
			module := moduleOf(u.page, u.imports)
			if all := fragments[module]; all != nil {
				all.files, all.imports = append(all.files, u.files...), append(all.imports, u.imports...)
			} else {
				fragments[module] = u
			}
		}
	}
	for module, u := range fragments {
		if decls := fragments[home]; module != home && decls != nil {
			u.files = append(u.files, declarations(decls.files)...)
			u.imports = append(u.imports, decls.imports...)
		}
		errs = append(errs, check(fset, u)...)
	}
	return errs
}

// declarations returns the files made from blocks of declarations.
func declarations(files []*ast.File) []*ast.File {
	return slices.DeleteFunc(slices.Clone(files), func(f *ast.File) bool {
		return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
			fn, ok := d.(*ast.FuncDecl)
			return ok && fn.Name.Name == "_"
		})
	})
}

// parse returns the Go files of a block.
func parse(fset *token.FileSet, b block) (*unit, error) {
	at := fmt.Sprintf("%s:%d", b.page, b.line)
	if strings.HasPrefix(strings.TrimSpace(b.text), "package ") {
		if formatted, err := format.Source([]byte(b.text)); err == nil && string(formatted) != b.text {
			return nil, fmt.Errorf("%s: the program is not formatted by gofmt", at)
		}
		f, err := parser.ParseFile(fset, at, "//line "+at+"\n"+b.text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		return &unit{page: b.page, name: at, files: []*ast.File{f}, imports: importsOf(f)}, nil
	}
	imported, body := leadingImports(b.text)
	at = fmt.Sprintf("%s:%d", b.page, b.line+strings.Count(imported, "\n"))
	imported = strings.ReplaceAll(strings.ReplaceAll(imported, "(\n", "("), "\n", ";")
	head := "package page\n" + imported
	text := "\n//line " + at + "\n" + body
	f, err := parser.ParseFile(fset, at, head+text, parser.SkipObjectResolution)
	if err != nil {
		text = "\nfunc _(" + fragmentParams + ") {{" + text + "\n}}\n"
		if f, err = parser.ParseFile(fset, at, head+text, parser.SkipObjectResolution); err != nil {
			return nil, fmt.Errorf("neither declarations nor statements: %w", err)
		}
	}
	for _, name := range packagesIn(f) {
		if !slices.Contains(importsOf(f), known[name]) {
			head += fmt.Sprintf("import %s %q;", name, known[name])
		}
	}
	f, err = parser.ParseFile(fset, at, head+text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &unit{page: b.page, name: b.page, fragment: true, files: []*ast.File{f}, imports: importsOf(f)}, nil
}

var imports = regexp.MustCompile(`^(?:\s*import (?:\([^)]*\)|[^\n]*)\n)+`)

// leadingImports splits a fragment into its leading imports and the rest.
func leadingImports(text string) (imported, body string) {
	imported = imports.FindString(text)
	return imported, text[len(imported):]
}

// packagesIn returns the known packages that the file uses.
func packagesIn(f *ast.File) []string {
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && known[x.Name] != "" && !slices.Contains(names, x.Name) {
				names = append(names, x.Name)
			}
		}
		return true
	})
	slices.Sort(names)
	return names
}

func importsOf(f *ast.File) []string {
	var paths []string
	for _, spec := range f.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

var errNoModule = errors.New("the module is not here")

// check type-checks the unit and returns the errors.
func check(fset *token.FileSet, u *unit) (errs []error) {
	module := moduleOf(u.page, u.imports)
	if _, err := os.Stat(filepath.Join(root, module, "go.mod")); err != nil {
		return []error{fmt.Errorf("%s: %w: %s", u.name, errNoModule, module)}
	}
	exports, err := exportData(module, u.imports)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", u.name, err)}
	}
	conf := types.Config{
		Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
			file, ok := exports[path]
			if !ok {
				return nil, fmt.Errorf("no package %s", path)
			}
			return os.Open(file)
		}),
		Error: func(err error) {
			text := err.Error()
			if u.fragment && (strings.Contains(text, "declared and not used") || strings.HasSuffix(text, "is not used")) {
				return
			}
			errs = append(errs, err)
		},
	}
	conf.Check(u.name, fset, u.files, nil) // each error was passed to Error
	return errs
}

// exportData returns the export data files of the packages and their dependencies.
func exportData(module string, imports []string) (map[string]string, error) {
	imports = slices.Compact(slices.Sorted(slices.Values(imports)))
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, imports...)...)
	cmd.Dir = filepath.Join(root, module)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w\n%s", module, err, stderr.String())
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && file != "" {
			exports[path] = file
		}
	}
	return exports, nil
}
