//go:build !cgo

package database

import (
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestWithoutCgo(t *testing.T) {
	for url, works := range map[string]bool{"sqlite:///x.db": false, "postgresql://u@h/d": true, "mysql://u@h/d": true} {
		s, err := FromURL(Options{}).Open(t.Context(), driver.Config{URL: url})
		switch {
		case works && err != nil:
			t.Errorf("%s: %v", url, err)
		case works:
			s.Close()
		case err == nil || !strings.Contains(err.Error(), `_ "github.com/pump-go/sessions/database/puresqlite"`):
			t.Errorf("%s: %v", url, err)
		}
	}
}
