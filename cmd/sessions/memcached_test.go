//go:build unix

package main

import (
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// memcachedPlace is a store on a memcached of the test's own.
func memcachedPlace(t *testing.T) place {
	t.Helper()
	return place{"SESSIONS_STORE": "memcached", "SESSIONS_URL": servers.OwnMemcached(t).Addr}
}

func TestWhatMemcachedCannotIsSaid(t *testing.T) {
	at := memcachedPlace(t)
	a := at.program(t)
	v := a.visitor("user:1", "v")
	for _, args := range [][]string{
		{"list"}, {"list", "-owner", "user:1"}, {"count"}, {"destroy", "-owner", "user:1", "-yes"}, {"destroy", "-owner", "user:1"}, {"sweep"},
	} {
		at.run(t, args...).expect(t, exitUnsupported, "cannot")
	}
	at.run(t, "sweep").expect(t, exitUnsupported, "it removes expired sessions by itself")
	to := places["dbm"](t)
	at.and(to.destination()).run(t, "copy").expect(t, exitUnsupported, "cannot list its sessions")
	at.run(t, "show", a.id(v)).expect(t, exitDone, "user:1")
	at.run(t, "check", "-write").expect(t, exitDone, "revokes sessions")
	at.run(t, "destroy", "-yes", a.id(v)).expect(t, exitDone, "1 session destroyed")
	if a.name(v) != "" {
		t.Error("it was not destroyed")
	}
}

func TestCopyToMemcached(t *testing.T) {
	from, to := places["file"](t), memcachedPlace(t)
	a := from.program(t)
	v, w := a.visitor("user:1", "v"), a.visitor("", "w")
	both := from.and(to.destination())
	both.run(t, "copy", "-delete", "-yes").expect(t, exitUnsupported, "cannot list its sessions")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[created:2 read:2]")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[identical:2 read:2]")
	b := to.program(t)
	if b.name(v) != "v" || b.name(w) != "w" {
		t.Error("the clients' sessions are not there")
	}
}
