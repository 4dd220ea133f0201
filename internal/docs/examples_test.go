package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pump-go/sessions/internal/walkthrough"
)

// What pages ask readers to copy from an example is the example's, comments aside.
func TestPagesShowTheExamples(t *testing.T) {
	for _, c := range []struct {
		page, file, module string // the page's file, of the program that imports module
		example            string
		declarations       []string // none: all
	}{
		{"migrating-from-echo-session.md", "main.go", "github.com/pump-go/sessions", "echo4/main.go", []string{"func withSession", "func session"}},
		{"migrating-from-gin-sessions.md", "main.go", "github.com/pump-go/sessions", "gin/main.go", []string{"func recovered", "func session"}},
		{"migrating-from-fiber-session.md", "session.go", "github.com/gofiber/fiber/v3", "fiber/session.go", nil},
		{"migrating-from-fiber-session.md", "session.go", "github.com/gofiber/fiber/v2", "fiber2/session.go", nil},
	} {
		example := source(t, filepath.Join(root, "examples", "routers", filepath.FromSlash(c.example)), "", "")
		if c.declarations == nil {
			c.declarations = example.Names
		}
		shown := source(t, filepath.Join(root, "docs", c.page), c.file, c.module)
		for _, name := range c.declarations {
			if example.Text[name] == "" || shown.Text[name] != example.Text[name] {
				t.Errorf("%s, %s: %s is\n%s\nand in examples/routers/%s\n%s", c.page, c.file, name, shown.Text[name], c.example, example.Text[name])
			}
		}
	}
}

// source reads a Go file, or the file of a page that imports a module.
func source(t *testing.T, name, file, module string) walkthrough.Source {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if file == "" {
		s, err := walkthrough.ParseSource(string(text), 0)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, b := range walkthrough.Blocks(string(text)) {
		if len(b.Info) != 2 || b.Info[0] != "go" || b.Info[1] != file {
			continue
		}
		s, err := walkthrough.ParseSource(b.Text, 0)
		if err != nil {
			t.Fatalf("%s: line %d: %v", name, b.Line, err)
		}
		if s.Imports(module) {
			return s
		}
	}
	t.Fatalf("%s has no %s that imports %s", name, file, module)
	return walkthrough.Source{}
}
