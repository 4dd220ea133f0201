package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The text between these lines of performance.md is replaced.
const (
	begin = "<!-- What follows is written by bench/report. -->\n"
	end   = "<!-- Here ends what bench/report writes. -->\n"
)

const plotFile = "performance.svg"

// write rewrites the figures in performance.md, and the plot.
func write(m *measurements) error {
	name := filepath.Join(*docs, "performance.md")
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(doc, []byte(begin))
	_, after, found2 := bytes.Cut(rest, []byte(end))
	if !found || !found2 {
		return fmt.Errorf("%s: the lines that enclose the figures are missing", name)
	}
	svg, err := plot(m)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*docs, plotFile), svg, 0o666); err != nil {
		return err
	}
	generated, err := figures(m)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(string(before)+begin+generated+end+string(after)), 0o666)
}

func figures(m *measurements) (string, error) {
	versions, err := peers()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured with %s on %s, beside %s.\n\n", strings.TrimPrefix(runtime.Version(), "go version "), runtime.GOOS+"/"+runtime.GOARCH, versions)
	fmt.Fprintf(&b, "## Targets\n\n%s\n", targetTable(m))
	fmt.Fprintf(&b, "## Each kind of request\n\n![Time of each kind of request, by library](%s)\n\n%s", plotFile, requests(m))
	fmt.Fprintf(&b, "%s\n%s\n%s\n", callers(m), small(m), server(m))
	fmt.Fprintf(&b, "## Tails\n\n%s\n", tails(m))
	fmt.Fprintf(&b, "## At scale\n\n%s\n%s\n%s\n", scale(m), size(m), cores(m))
	return b.String(), nil
}

// peers lists the compared libraries and their versions.
func peers() (string, error) {
	var list []string
	for _, p := range []struct{ name, module string }{
		{"scs", "github.com/alexedwards/scs/v2"},
		{"gorilla/sessions", "github.com/gorilla/sessions"},
	} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", p.module).Output()
		if err != nil {
			return "", fmt.Errorf("go list -m %s: %w", p.module, err)
		}
		list = append(list, p.name+" "+strings.TrimSpace(string(out)))
	}
	return strings.Join(list, " and "), nil
}
