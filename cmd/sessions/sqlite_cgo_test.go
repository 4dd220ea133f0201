//go:build cgo

package main

import (
	"database/sql"
	"strings"
	"testing"
)

// Only -overwrite replaces a damaged record in the destination.
func TestOverwriteRepairsADamagedDestination(t *testing.T) {
	from, to := envs["file"](t), envs["SQLite"](t)
	both := from.and(to.destination())
	a := from.program(t)
	v, w := a.visitor("", "v"), a.visitor("", "w")
	both.run(t, "copy").expect(t, exitDone, "2 copied")

	db, err := sql.Open("sqlite3", strings.TrimPrefix(to["SESSIONS_URL"], "sqlite:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE sessions SET data = x'00ff' WHERE lower(hex(id)) = ?", a.id(v)); err != nil {
		t.Fatal(err)
	}
	r := both.run(t, "copy", "-json").expect(t, exitIncomplete, a.id(v)+" is damaged", "in the destination")
	expectCounts(t, r, "map[failed:1 identical:1 read:2]")
	to.run(t, "show", a.id(v)).expect(t, exitIncomplete, "is damaged")
	expectCounts(t, both.run(t, "copy", "-json", "-overwrite", "-yes").expect(t, exitDone), "map[created:1 identical:1 read:2]")
	b := to.program(t)
	if b.name(v) != "v" || b.name(w) != "w" {
		t.Error("the sessions changed")
	}
}
