package memory

import (
	"strings"
	"testing"
)

// FuzzURL looks for a URL that causes a panic, a negative limit, or an error that
// quotes a password.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"memory:", "memory://", "memory:?max=100000", "memory:?max=0", "memory:?max=1&max=2", "memory:?max=99999999999999999999",
		"memory:x", "memory://joe:hunter2@host/?max=1", "memory:?max=hunter2", "memory:#x", "memory:?%zz", "memory:?size=1", "MEMORY:", "", ":", "file:",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		var o Options
		err := o.readURL(url)
		if err == nil && o.MaxSessions < 0 {
			t.Errorf("%q sets a limit of %d", url, o.MaxSessions)
		}
		if err != nil && !strings.Contains(url, "?") && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	})
}
