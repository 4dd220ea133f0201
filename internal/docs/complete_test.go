package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOptionsAreDocumented(t *testing.T) {
	page := read(t, "docs/options.md")
	for _, of := range []struct {
		typ    reflect.Type
		prefix string
	}{{reflect.TypeFor[sessions.Options](), ""}, {reflect.TypeFor[sessions.Cookie](), "Cookie."}} {
		for field := range of.typ.Fields() {
			if field.Name != "Cookie" && !strings.Contains(page, "\n| `"+of.prefix+field.Name+"` |") {
				t.Errorf("docs/options.md has no line for %s%s", of.prefix, field.Name)
			}
		}
	}
}

func TestErrorsAreDocumented(t *testing.T) {
	page := read(t, "docs/operations.md")
	n := 0
	for _, dir := range []string{"", "memory", "file", "dbm", "database", "memcached", "redis", "google", "cookie"} {
		for name := range exportedErrors(t, dir) {
			n++
			if dir != "" {
				name = dir + "." + name
			}
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/operations.md does not document %s", name)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d errors were found", n)
	}
}

// exportedErrors returns the names of a package's variables Err….
func exportedErrors(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, f := range sources(t, dir) {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, spec := range g.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						if strings.HasPrefix(name.Name, "Err") {
							names[name.Name] = true
						}
					}
				}
			}
		}
	}
	return names
}

func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

var (
	// A message that the code logs or declares.
	logged = regexp.MustCompile(`(?:(?:[lL]og|[lL]ogger)\.(?:Warn|Error|Info|Debug)\(|event\w+ += )"([a-z]+: [^"]+)"`)
	// A message in the first column of a table.
	explained = regexp.MustCompile("(?m)^\\| `([a-z]+: [^`]+)` \\|")
)

func TestLogMessagesAreDocumented(t *testing.T) {
	inCode := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "examples" || d.Name() == "bench" || d.Name() == "cmd" || path == filepath.Join(root, "internal") || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range logged.FindAllStringSubmatch(string(text), -1) {
			inCode[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(inCode) < 10 {
		t.Fatalf("only %d messages were found in the code", len(inCode))
	}
	inPage := make(map[string]bool)
	for _, m := range explained.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		inPage[m[1]] = true
		if !inCode[m[1]] {
			t.Errorf("docs/operations.md documents %q, which is never logged", m[1])
		}
	}
	for message := range inCode {
		if !strings.HasPrefix(message, "sessions: ") {
			t.Errorf("the message %q does not start with \"sessions: \", the prefix of all packages", message)
		}
		if !inPage[message] {
			t.Errorf("docs/operations.md does not document %q", message)
		}
	}
}
