//go:build unix

package main

import (
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// memcachedEnv selects a store on the test's own memcached.
func memcachedEnv(t *testing.T) env {
	t.Helper()
	return env{"SESSIONS_STORE": "memcached", "SESSIONS_URL": servers.OwnMemcached(t).Addr}
}

func TestUnsupportedWithMemcached(t *testing.T) {
	at := memcachedEnv(t)
	a := at.program(t)
	v := a.visitor("user:1", "v")
	for _, args := range [][]string{
		{"list"}, {"list", "-owner", "user:1"}, {"count"}, {"destroy", "-owner", "user:1", "-yes"}, {"destroy", "-owner", "user:1"}, {"sweep"},
	} {
		at.run(t, args...).expect(t, exitUnsupported, "cannot")
	}
	at.run(t, "sweep").expect(t, exitUnsupported, "it removes expired sessions itself")
	to := envs["dbm"](t)
	at.and(to.destination()).run(t, "copy").expect(t, exitUnsupported, "cannot list its sessions")
	at.run(t, "show", a.id(v)).expect(t, exitDone, "user:1")
	at.run(t, "check", "-write").expect(t, exitDone, "revokes sessions")
	at.run(t, "destroy", "-yes", a.id(v)).expect(t, exitDone, "1 session destroyed")
	if a.name(v) != "" {
		t.Error("not destroyed")
	}
}

func TestCopyToMemcached(t *testing.T) {
	from, to := envs["file"](t), memcachedEnv(t)
	a := from.program(t)
	v, w := a.visitor("user:1", "v"), a.visitor("", "w")
	both := from.and(to.destination())
	both.run(t, "copy", "-delete", "-yes").expect(t, exitUnsupported, "cannot list its sessions")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[created:2 read:2]")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[identical:2 read:2]")
	b := to.program(t)
	if b.name(v) != "v" || b.name(w) != "w" {
		t.Error("the clients' sessions are missing")
	}
}
