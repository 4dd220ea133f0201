package walkthrough

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"
)

// diff returns the file of a block with the block's lines changed.
func (w *Walk) diff(b Block) string {
	w.T.Helper()
	text, err := patch(w.Read(b.Info[1]), b.Text)
	if err != nil {
		w.T.Fatalf("line %d: %s: %v", b.Line, b.Info[1], err)
	}
	return text
}

// patch changes the places of text that diff shows.
func patch(text, diff string) (string, error) {
	for place := range strings.SplitSeq(strings.TrimSuffix(diff, "\n"), "\n…\n") {
		place += "\n"
		var before, after strings.Builder
		for line := range strings.Lines(place) {
			switch rest := line[1:]; line[0] {
			case '-':
				before.WriteString(rest)
			case '+':
				after.WriteString(rest)
			case ' ':
				before.WriteString(rest)
				after.WriteString(rest)
			case '\n':
				before.WriteString(line)
				after.WriteString(line)
			default:
				return "", fmt.Errorf("a line of a diff begins with %q", line[:1])
			}
		}
		if n := strings.Count("\n"+text, "\n"+before.String()); before.Len() == 0 || n != 1 {
			return "", fmt.Errorf("%d places are\n%s", n, before.String())
		}
		text = strings.Replace("\n"+text, "\n"+before.String(), "\n"+after.String(), 1)[1:]
	}
	return text, nil
}

// changes returns the file of a block with the block's declarations in place of
// those of the same name.
func (w *Walk) changes(b Block) string {
	w.T.Helper()
	old := w.Read(b.Info[1])
	file, err := ParseSource(old, parser.ParseComments)
	if err != nil {
		w.T.Fatalf("%s: %v", b.Info[1], err)
	}
	changed, err := ParseSource("package p\n\n"+b.Text, parser.ParseComments)
	if err != nil {
		w.T.Fatalf("line %d: %v", b.Line, err)
	}
	for _, name := range changed.Names {
		if _, there := file.Text[name]; !there {
			file.Names = append(file.Names, name)
		}
		file.Text[name] = changed.Text[name]
	}
	out := file.Head
	for _, name := range file.Names {
		out += "\n" + file.Text[name] + "\n"
	}
	formatted, err := format.Source([]byte(out))
	if err != nil {
		w.T.Fatalf("line %d: %v in\n%s", b.Line, err, out)
	}
	return string(formatted)
}

// Source is a Go file by its declarations, in order.
type Source struct {
	Head  string // the package clause and what is before it
	Names []string
	Text  map[string]string
}

// Imports reports whether the file imports a package.
func (s Source) Imports(path string) bool { return strings.Contains(s.Text["import"], `"`+path+`"`) }

// ParseSource reads a Go file. With parser.ParseComments the declarations are as
// they are written; without, they are formatted and have no comments.
func ParseSource(text string, mode parser.Mode) (Source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, mode|parser.SkipObjectResolution)
	if err != nil {
		return Source{}, fmt.Errorf("%w in\n%s", err, text)
	}
	s := Source{Head: text[:fset.Position(f.Name.End()).Offset] + "\n", Text: map[string]string{}}
	for _, d := range f.Decls {
		var b strings.Builder
		if mode&parser.ParseComments != 0 {
			b.WriteString(text[fset.Position(start(d)).Offset:fset.Position(d.End()).Offset])
		} else if err := format.Node(&b, fset, d); err != nil {
			return Source{}, err
		}
		name := nameOf(d)
		if _, twice := s.Text[name]; twice {
			return Source{}, fmt.Errorf("two declarations are %s", name)
		}
		s.Names, s.Text[name] = append(s.Names, name), b.String()
	}
	return s, nil
}

// start returns where a declaration begins, with its comment.
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

// nameOf returns what a declaration is known by. Methods are known by their name
// alone: a file of a page has them for one type.
func nameOf(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return "method " + d.Name.Name
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
