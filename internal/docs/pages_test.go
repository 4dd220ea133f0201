package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository's, from here.
const root = "../.."

// page is one Markdown file.
type page struct {
	path  string // from the root, with slashes
	lines []string
	fence []bool // whether the line is inside of a fenced block, or its fence
}

// pages reads all that there are.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root && d.Name() != ".github") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all = append(all, newPage(filepath.ToSlash(name), string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 3 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

func newPage(path, text string) page {
	p := page{path: path, lines: strings.Split(text, "\n")}
	open := ""
	for _, line := range p.lines {
		mark := fenceOf(line)
		switch {
		case open == "" && mark != "":
			open = mark
			p.fence = append(p.fence, true)
		case open != "":
			p.fence = append(p.fence, true)
			if mark != "" && strings.HasPrefix(mark, open) && strings.TrimSpace(line) == mark {
				open = ""
			}
		default:
			p.fence = append(p.fence, false)
		}
	}
	return p
}

// fenceOf is the run of backticks or tildes that a fence line begins with.
func fenceOf(line string) string {
	line = strings.TrimLeft(line, " ")
	for _, c := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}
