package main

import (
	"slices"
	"testing"
)

func TestDestroyAsksForConfirmation(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		v := a.visitor("user:1", "v")
		id := a.id(v)
		for name, args := range map[string][]string{
			"by id":    {"destroy", id},
			"by owner": {"destroy", "-owner", "user:1"},
		} {
			at.run(t, args...).expect(t, exitRefused, "nothing was done", "-yes")
			for _, answer := range []string{"n\n", "\n", "", "nonsense\n", "y es\n"} {
				at.call(t, call{asks: true, in: answer}, args...).expect(t, exitRefused, id, "user:1", "Destroy 1 session", "[y/N]", "nothing was done")
			}
			if a.name(v) != "v" {
				t.Fatalf("%s: destroyed without confirmation", name)
			}
		}
		at.call(t, call{asks: true, in: id + "\n"}, "destroy", "-").expect(t, exitRefused, "-yes")
		at.call(t, call{asks: true, in: "Yes\n"}, "destroy", "-owner", "user:1").expect(t, exitDone, "1 session destroyed")
		if a.name(v) != "" {
			t.Error("not destroyed")
		}
		at.call(t, call{asks: true}, "destroy", "-owner", "user:1").expect(t, exitDone, "0 sessions destroyed") // nothing to ask
	})
}

func TestFlagAfterAnID(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	v, w := a.visitor("", "v"), a.visitor("", "w")
	at.run(t, "destroy", a.id(v), "-yes", a.id(w)).expect(t, exitDone, "2 sessions destroyed")
}

func TestConfirmationShowsAFewSessions(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	for range shown + 3 {
		a.visitor("user:1", "v")
	}
	r := at.call(t, call{asks: true}, "destroy", "-owner", "user:1").expect(t, exitRefused, "… and 3 more", "Destroy 23 sessions of user:1 in the store dbm in ")
	ids := at.ids(t)
	named := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !contains(r.err, id) })
	if len(ids) != shown+3 || len(named) != shown {
		t.Errorf("%d sessions, %d of them shown", len(ids), len(named))
	}
}
