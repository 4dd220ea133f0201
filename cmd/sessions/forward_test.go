package main

import (
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

// A forward is never shown or counted, is followed from the old ID, and is copied.
func TestForwards(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		v := a.visitor("user:1", "ann")
		old := a.id(v)
		late := *v
		a.visit(v, func(s *sessions.Session) { s.Renew() })
		id := a.id(v)
		if id == old || len(at.records(t)) != 2 {
			t.Fatal("the session was not renewed")
		}
		for _, owner := range [][]string{nil, {"-owner", "user:1"}} {
			if ids := at.ids(t, owner...); len(ids) != 1 || ids[0] != id {
				t.Errorf("list %v: %v, want %v", owner, ids, id)
			}
			r := at.run(t, append([]string{"count"}, owner...)...).expect(t, exitDone)
			if got := strings.TrimSpace(r.out); got != "1" {
				t.Errorf("count %v: %v, want 1", owner, got)
			}
		}
		at.run(t, "show", old).expect(t, exitDone, id)

		other := envs["file"](t)
		expectCounts(t, at.and(other.destination()).run(t, "copy", "-json").expect(t, exitDone), "map[created:1 read:1]")
		expectSame(t, at, other)
		b := other.program(t)
		if name := b.name(&late); name != "" {
			t.Errorf("the old ID opens a session of %q in the copy", name)
		}

		at.run(t, "destroy", "-yes", old).expect(t, exitDone, "1 session destroyed")
		if ids := at.ids(t); len(ids) != 0 {
			t.Errorf("after destroy by the old ID: %v", ids)
		}
		if name := a.name(v); name != "" {
			t.Errorf("%s is signed in", name)
		}
	})
}
