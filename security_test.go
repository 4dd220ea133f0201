package sessions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that the documents name, as `package.TestName`, exists. The root
// package is sessions, and the example's is app.
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
				t.Errorf("%s names %s, which is not there", doc, n[1])
			}
		}
	}
}
