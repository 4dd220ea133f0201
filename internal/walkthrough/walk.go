package walkthrough

import (
	"bytes"
	"go/format"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Walk carries out one page.
type Walk struct {
	T   *testing.T
	Dir string   // where the reader begins; an empty directory unless it is set
	Env []string // variables of the commands, besides the machine's

	// Replace maps addresses on the page, such as "6379" for a server's port, to
	// those of the test. The port that the page's programs listen on is replaced
	// by a free one in any case.
	Replace map[string]string

	Files, Commands int // carried out so far

	shell     *shell
	server    *server
	address   string // of the page's server, as the test has it
	unchecked bool   // files were written and have not been compiled since
}

// listen finds the address on which a page's program listens.
var listen = regexp.MustCompile(`"(?:127\.0\.0\.1|localhost)?(:[0-9]{4})"`)

// Page carries out a page, and fails the test at the first thing that is not as the
// page says.
func (w *Walk) Page(page string) {
	w.T.Helper()
	if w.Dir == "" {
		w.Dir = w.T.TempDir()
	}
	w.shell = newShell(w.T, w.Dir, w.Env)
	w.T.Cleanup(w.interrupt)
	if m := listen.FindStringSubmatch(page); m != nil {
		port := freePort(w.T)
		w.address = "127.0.0.1" + port
		page = strings.ReplaceAll(page, m[1], port)
	}
	for from, to := range w.Replace {
		page = strings.ReplaceAll(page, from, to)
	}
	for _, b := range Blocks(page) {
		w.do(b)
	}
	if w.Files == 0 || w.Commands == 0 {
		w.T.Fatalf("the page has %d files and %d commands: it is not written as package walkthrough says", w.Files, w.Commands)
	}
	w.check()
	w.interrupt()
}

func (w *Walk) do(b Block) {
	w.T.Helper()
	switch {
	case len(b.Info) == 0:
		w.T.Fatalf("line %d: the block does not say what it is", b.Line)
	case b.Info[0] == "#":
		w.check()
	case b.Info[0] == "console":
		w.console(b)
	case len(b.Info) == 1: // for the eye, or compiled by internal/docs
	case !b.Hidden && !strings.Contains(b.Intro, "`"+b.Info[1]+"`"):
		w.T.Fatalf("line %d: the paragraph before the block does not name %s: %q", b.Line, b.Info[1], b.Intro)
	case b.Info[0] == "diff":
		w.written(b, w.diff(b))
	case len(b.Info) == 3 && b.Info[2] == "changes":
		w.written(b, w.changes(b))
	case len(b.Info) == 2:
		w.written(b, b.Text)
	default:
		w.T.Fatalf("line %d: what is %q?", b.Line, b.Info)
	}
}

// check compiles what was written.
func (w *Walk) check() {
	w.T.Helper()
	if w.unchecked {
		w.Run("go vet ./...")
		w.unchecked = false
	}
}

// written writes a block's file.
func (w *Walk) written(b Block, text string) {
	w.T.Helper()
	name := b.Info[1]
	if filepath.Ext(name) == ".go" {
		formatted, err := format.Source([]byte(text))
		if err != nil {
			w.T.Fatalf("line %d: %s: %v", b.Line, name, err)
		}
		if !bytes.Equal(formatted, []byte(text)) {
			w.T.Fatalf("line %d: %s is not formatted by gofmt", b.Line, name)
		}
	}
	w.Write(name, text)
	w.Files++
	w.unchecked = true
}

// Write writes a file into the directory that the reader is in.
func (w *Walk) Write(name, text string) {
	w.T.Helper()
	name = filepath.Join(w.shell.dir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		w.T.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		w.T.Fatal(err)
	}
}

// Read returns the text of a file in the directory that the reader is in.
func (w *Walk) Read(name string) string {
	w.T.Helper()
	text, err := os.ReadFile(filepath.Join(w.shell.dir(), filepath.FromSlash(name)))
	if err != nil {
		w.T.Fatal(err)
	}
	return string(text)
}

// Command runs a command, and returns what it prints.
func (w *Walk) Command(line string) (string, error) {
	w.T.Helper()
	return w.shell.run(line)
}

// Run runs a command that must succeed.
func (w *Walk) Run(line string) {
	w.T.Helper()
	if out, err := w.Command(line); err != nil {
		w.T.Fatalf("%s: %v\n%s", line, err, out)
	}
}

var prepares = regexp.MustCompile(`^((cd|mkdir|rm|export|go mod|go get|go tool) |[A-Z_]+=)`)

func (w *Walk) console(b Block) {
	w.T.Helper()
	all, err := steps(b)
	if err != nil {
		w.T.Fatal(err)
	}
	for _, s := range all {
		if s.interrupt {
			if w.server == nil {
				w.T.Fatalf("line %d: there is no server to stop", s.line)
			}
			w.interrupt()
			continue
		}
		w.Commands++
		if strings.HasPrefix(s.command, "go ") {
			w.unchecked = false // by this command
		}
		switch {
		case strings.HasPrefix(s.command, "go run ."):
			w.start(s)
		case strings.HasPrefix(s.command, "go test"):
			w.test(s)
		default:
			out, err := w.Command(s.command)
			if prepares.MatchString(s.command) && s.shown == "" {
				if err != nil {
					w.T.Fatalf("line %d: %s: %v\n%s", s.line, s.command, err, out)
				}
				continue
			}
			if difference := compare(out, s.shown); difference != "" {
				w.T.Fatalf("line %d: %s: %s. It printed (%v)\n%s%s", s.line, s.command, difference, err, out, w.serverOutput())
			}
		}
	}
}

// test runs go test until it prints what the page shows.
func (w *Walk) test(s step) {
	w.T.Helper()
	line := strings.Replace(s.command, "go test", "go test -count=1", 1)
	for try := 1; ; try++ {
		out, _ := w.Command(line)
		missing := missing(out, s.shown)
		if missing == "" {
			return
		}
		if try == 5 {
			w.T.Fatalf("line %d: %s does not print %q, but\n%s", s.line, s.command, missing, out)
		}
	}
}

// compare returns how the lines differ from those that are shown, or "".
func compare(out, shown string) string {
	pattern := "^"
	for _, line := range strings.Split(strings.TrimSuffix(shown, "\n"), "\n") {
		if strings.TrimSpace(line) == "…" {
			pattern += `(?:.*\n)*?`
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		pattern += strings.Join(parts, `.*`) + ` *\n`
	}
	if out = strings.ReplaceAll(out, "\r\n", "\n"); out == "" || !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	if !regexp.MustCompile(pattern + "$").MatchString(out) {
		return "the page shows\n" + shown
	}
	return ""
}

var figures = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// missing returns the first line of shown that is not in out after the lines
// before it, or "". Figures may differ.
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

// freePort returns a port on which nobody listens, with a colon before it.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()[strings.LastIndex(l.Addr().String(), ":"):]
}
