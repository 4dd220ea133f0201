package docs

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	all := make(map[string]page)
	for _, p := range pages(t) {
		all[p.path] = p
	}
	checked := 0
	for _, p := range all {
		for i, line := range p.lines {
			if p.fence[i] {
				continue
			}
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				u, err := url.Parse(found[1])
				if err != nil {
					t.Errorf("%s:%d: %v", p.path, i+1, err)
					continue
				}
				if u.Scheme != "" {
					continue // the world outside is not ours to test
				}
				checked++
				target := p.path
				if u.Path != "" {
					target = path.Join(path.Dir(p.path), u.Path)
				}
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
					t.Errorf("%s:%d: no %s", p.path, i+1, target)
					continue
				}
				if to, ok := all[target]; u.Fragment != "" && (!ok || !to.anchors()[u.Fragment]) {
					t.Errorf("%s:%d: %s has no heading #%s", p.path, i+1, target, u.Fragment)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links were found", checked)
	}
}

// anchors are what a page's headings can be linked by.
func (p *page) anchors() map[string]bool {
	anchors := make(map[string]bool)
	for i, line := range p.lines {
		if p.fence[i] || !strings.HasPrefix(line, "#") {
			continue
		}
		var slug strings.Builder
		for _, c := range strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#"))) {
			switch {
			case unicode.IsLetter(c), unicode.IsDigit(c), c == '-', c == '_':
				slug.WriteRune(c)
			case c == ' ':
				slug.WriteByte('-')
			}
		}
		anchors[slug.String()] = true
	}
	return anchors
}
