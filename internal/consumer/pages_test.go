//go:build unix

package consumer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/walkthrough"
)

// The pages of docs with programs are carried out word for word, by a reader who
// gets our modules from a proxy.
func TestPages(t *testing.T) {
	proxy, _ := walkthrough.Publish(t, root)
	cache := t.TempDir() // for all pages
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) == "writing-a-driver.md" { // carried out by examples/natsdriver/tutorial
			continue
		}
		if !walkthrough.Carried(string(text)) {
			continue
		}
		n++
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			w := walkthrough.Walk{T: t, Env: walkthrough.Environment(proxy, cache)}
			if redis := "localhost:6379"; strings.Contains(string(text), redis) {
				w.Replace = map[string]string{redis: servers.OwnRedis(t).Addr}
			}
			w.Page(string(text))
		})
	}
	if n < 8 {
		t.Errorf("only %d pages have programs", n)
	}
}
