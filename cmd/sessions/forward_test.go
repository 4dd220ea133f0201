package main

import (
	"strings"
	"testing"
	"time"

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

// After the second copy of the procedure in the help, the old ID of a session that was
// renewed between the copies opens nothing in the destination, whether the source still
// has the forward or it has expired.
func TestDeleteAfterARenewal(t *testing.T) {
	forEachStore(t, func(t *testing.T, from env) {
		to := envs["dbm"](t)
		both := from.and(to.destination())
		a := from.program(t)
		now, earlier := a.visitor("user:1", "now"), a.visitor("user:1", "earlier")
		both.run(t, "copy").expect(t, exitDone, "2 copied")

		lateNow, lateEarlier := *now, *earlier
		renew := func(s *sessions.Session) { s.Renew() }
		a.visit(now, renew)
		a.clock = -10 * time.Minute
		a.visit(earlier, renew)
		a.clock = 0

		r := both.run(t, "copy", "-json", "-overwrite", "-delete", "-yes").expect(t, exitDone)
		expectCounts(t, r, "map[created:2 read:2 removed:1]")
		expectSame(t, from, to)
		b := to.program(t)
		for _, v := range []*visitor{&lateNow, &lateEarlier} {
			if name := b.name(v); name != "" {
				t.Errorf("the old ID opens the session of %q in the copy", name)
			}
		}
		if b.name(now) != "now" || b.name(earlier) != "earlier" {
			t.Error("the renewed sessions were not copied")
		}
		if n, err := b.DestroyOwned(t.Context(), "user:1"); n != 2 || err != nil {
			t.Errorf("destroyed %d, %v; want 2", n, err)
		}
	})
}
