//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root does not open another user's store, since that user could not open the files that
// root creates.
func TestRootRejectsOtherUsersStores(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this test is about root")
	}
	const nobody = 65534
	at := envs["dbm"](t)
	a := at.program(t)
	a.visitor("", "v")
	path := at["SESSIONS_URL"][len("dbm://"):]
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"destroy", "-yes", "-owner", "x"}, {"check"}} {
		at.run(t, args...).expect(t, exitUsage, "belongs to nobody", "sudo -u nobody --preserve-env=SESSIONS_URL\n")
	}
	store, _, _ := strings.Cut(at["SESSIONS_URL"], ":")
	r := env{}.run(t, "list", "-store", store, "-data-dir", filepath.Dir(path), "-url", at["SESSIONS_URL"])
	if r.expect(t, exitUsage, "sudo -u nobody\n"); contains(r.err, "preserve") {
		t.Errorf("the advice preserves variables although none are set: %s", r.err)
	}

	dir := t.TempDir()
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	from := envs["file"](t)
	from.program(t)
	to := env{"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": filepath.Join(dir, "new", "store")}
	from.and(to.destination()).run(t, "copy").expect(t, exitUsage, "belongs to nobody",
		"sudo -u nobody --preserve-env=SESSIONS_STORE,SESSIONS_DATA_DIR,SESSIONS_TO_STORE,SESSIONS_TO_DATA_DIR")
	if exists(filepath.Join(dir, "new")) {
		t.Error("it created a directory there")
	}
}
