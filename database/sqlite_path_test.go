//go:build unix && cgo

package database_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

// Open returns an error for an impossible path, and for one that other users can
// replace. The error says what to do.
func TestInvalidSQLitePaths(t *testing.T) {
	dir := t.TempDir()
	file, shared, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "shared"), filepath.Join(dir, "fifo")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Mkdir(shared, 0o700))
	must(t, os.Chmod(shared, 0o777))
	must(t, syscall.Mkfifo(fifo, 0o600))
	must(t, os.Symlink(filepath.Join(shared, "s.db"), filepath.Join(dir, "link")))
	must(t, os.WriteFile(filepath.Join(shared, "s.db"), nil, 0o600))
	for path, want := range map[string]string{
		filepath.Join(file, "s.db"):        "not a directory",
		filepath.Join(file, "deep", "s.d"): "not a directory",
		dir:                                "not a regular file",
		fifo:                               "not a regular file",
		filepath.Join(shared, "s.db"):      "emptyDir",
		filepath.Join(dir, "link"):         "emptyDir",
	} {
		for _, params := range []string{"", "?create=no"} {
			s, err := database.FromURL(database.Options{}).Open(t.Context(), driver.Config{URL: "sqlite:///" + path + params}.WithDefaults())
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s%s: got error %v, want %q", path, params, err, want)
			}
		}
	}
	must(t, openURL(t, "sqlite:///"+filepath.Join(shared, "ours", "s.db")).Save(t.Context(), newKey(), 0, record("x")))

	missing := filepath.Join(dir, "missing")
	if _, err := openURL(t, "sqlite:///"+missing+"/s.db?create=no").Load(t.Context(), newKey()); !errors.Is(err, database.ErrNoTables) {
		t.Errorf("Load: got error %v", err)
	}
	if _, err := os.Lstat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory was created: %v", err)
	}
}
