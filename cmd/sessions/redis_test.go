//go:build unix

package main

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

var databases atomic.Int64

// redisEnv selects a database of the test program's Redis. The URL alone selects the store.
func redisEnv(t *testing.T) env {
	t.Helper()
	return env{"SESSIONS_URL": fmt.Sprintf("redis://%s/%d", servers.Redis(t).Addr, databases.Add(1))}
}

func TestRedis(t *testing.T) {
	at := redisEnv(t)
	a := at.program(t)
	v, w := a.visitor("user:1", "v"), a.visitor("user:2", "w")
	at.run(t, "count").expect(t, exitDone, "2")
	at.run(t, "list", "-owner", "user:1").expect(t, exitDone, a.id(v))
	at.run(t, "show", a.id(v)).expect(t, exitDone, "user:1")
	at.run(t, "check", "-write").expect(t, exitDone, "revokes sessions")
	at.run(t, "sweep").expect(t, exitUnsupported, "it removes expired sessions itself")
	at.run(t, "destroy", "-owner", "user:1", "-yes").expect(t, exitDone, "1 session destroyed")
	if a.name(v) != "" || a.name(w) != "w" {
		t.Error("destroyed another")
	}
}

func TestCopyToRedisAndBack(t *testing.T) {
	from, to := envs["file"](t), redisEnv(t)
	a := from.program(t)
	v, w := a.visitor("user:1", "v"), a.visitor("", "w")
	expectCounts(t, from.and(to.destination()).run(t, "copy", "-json").expect(t, exitDone), "map[created:2 read:2]")
	expectSame(t, from, to)
	b := to.program(t)
	if b.name(v) != "v" || b.name(w) != "w" {
		t.Error("the clients' sessions are missing")
	}
	back := envs["dbm"](t)
	expectCounts(t, to.and(back.destination()).run(t, "copy", "-json").expect(t, exitDone), "map[created:2 read:2]")
	expectSame(t, to, back)
	if n, err := b.DestroyOwned(t.Context(), "user:1"); n != 1 || err != nil {
		t.Errorf("destroyed %d, %v", n, err)
	}
}
