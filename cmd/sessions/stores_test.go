package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestListCountAndShow(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		phone, laptop := a.visitor("user:1", "phone"), a.visitor("user:1", "laptop")
		guest := a.visitor("", "guest")
		a.visit(phone, func(s *sessions.Session) {
			s.Set("cart", []string{"tea", "cups"})
			s.AddFlash("Saved.")
			if err := s.SetIdleTimeout(10 * time.Minute); err != nil {
				t.Error(err)
			}
			if err := s.SetLifetime(0); err != nil {
				t.Error(err)
			}
			if err := s.SetExpires(sessions.ExpireWithBrowser()); err != nil {
				t.Error(err)
			}
		})

		list := at.run(t, "list").expect(t, exitDone, a.id(phone), a.id(laptop), a.id(guest), "user:1", "OWNER")
		if n := strings.Count(list.out, "\n"); n != 4 {
			t.Errorf("%d lines, want a heading and three sessions:\n%s", n, list.out)
		}
		objects := at.run(t, "list", "-json", "-owner", "user:1").expect(t, exitDone).objects(t)
		var ids []string
		for _, o := range objects {
			ids = append(ids, o["id"].(string))
			if o["owner"] != "user:1" || o["bytes"].(float64) < 10 {
				t.Errorf("%v", o)
			}
			if created, err := time.Parse(time.RFC3339, o["created"].(string)); err != nil || time.Since(created) > time.Hour || time.Since(created) < -time.Second {
				t.Errorf("created %v, %v", o["created"], err)
			}
		}
		slices.Sort(ids)
		want := []string{a.id(phone), a.id(laptop)}
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Errorf("the owner's sessions are %q, want %q", ids, want)
		}
		if got := at.ids(t, "-owner", ""); !slices.Equal(got, []string{a.id(guest)}) {
			t.Errorf("the sessions of an unknown owner are %q", got)
		}

		for args, want := range map[string]string{
			"":                                     "3\n",
			"-owner user:1":                        "2\n",
			"-owner user:2":                        "0\n",
			"-owner=":                              "1\n",
			"-larger-than 50":                      "1\n",
			"-idle-longer-than 1h":                 "0\n",
			"-created-after 1h -expires-within 1h": "1\n", // the one with a timeout
		} {
			if got := at.run(t, append([]string{"count"}, strings.Fields(args)...)...).expect(t, exitDone).out; got != want {
				t.Errorf("count %s: %q, want %q", args, got, want)
			}
		}
		total := at.run(t, "count", "-json").expect(t, exitDone).objects(t)[0]
		if total["sessions"] != 3.0 || total["bytes"].(float64) < 30 {
			t.Errorf("%v", total)
		}

		show := at.run(t, "show", a.id(phone)).expect(t, exitDone, a.id(phone), "user:1", "its own: 10m0s", "its own: none", "with the browser",
			"cart", "list of 2", "name", "text", "flash messages")
		if strings.Contains(show.out, "tea") || strings.Contains(show.out, "phone") || strings.Contains(show.out, "Saved") {
			t.Errorf("values are shown without being asked for:\n%s", show.out)
		}
		at.run(t, "show", "-values", a.id(phone)).expect(t, exitDone, `["tea", "cups"]`, `"phone"`, `"Saved."`)
		at.run(t, "show", a.id(guest), a.id(laptop)).expect(t, exitDone, a.id(guest), a.id(laptop), "as in the program's options")
		object := at.run(t, "show", a.id(phone), "-values", "-json").expect(t, exitDone).objects(t)[0]
		values := object["values"].([]any)
		if first := values[0].(map[string]any); first["name"] != "cart" || first["type"] != "list of 2" || first["diagnostic"] != `["tea", "cups"]` {
			t.Errorf("%v", first)
		}
		if object["timeout"] != "10m0s" || object["lifetime"] != "none" || object["cookie"] != "expires with the browser" || len(object["flashes"].([]any)) != 1 {
			t.Errorf("%v", object)
		}
		at.run(t, "show", strings.Repeat("0", 64), a.id(guest)).expect(t, exitNotFound, a.id(guest), "does not exist")

		if got := a.name(phone); got != "phone" {
			t.Errorf("to look at a session changed it: its client is %q", got)
		}
	})
}

func TestDestroyByID(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		phone, laptop, tablet := a.visitor("user:1", "phone"), a.visitor("user:1", "laptop"), a.visitor("", "tablet")
		gone := strings.Repeat("0", 64)

		at.run(t, "destroy", a.id(phone), gone, "-yes").expect(t, exitNotFound, "1 session destroyed", gone)
		if a.name(phone) != "" || a.name(laptop) != "laptop" || a.name(tablet) != "tablet" {
			t.Error("not the session that was named")
		}
		at.call(t, call{in: a.id(laptop) + "\n" + a.id(tablet) + "\n"}, "destroy", "-yes", "-").expect(t, exitDone, "2 sessions destroyed")
		if a.name(laptop) != "" || a.name(tablet) != "" {
			t.Error("IDs on the standard input are left")
		}
		if o := at.run(t, "destroy", "-json", "-yes", gone).expect(t, exitNotFound).objects(t)[0]; o["destroyed"] != 0.0 || o["missing"] != 1.0 {
			t.Errorf("%v", o)
		}
		at.call(t, call{}, "destroy", "-yes", "-").expect(t, exitDone, "0 sessions destroyed")
	})
}

func TestDestroyByOwner(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		phone, laptop, other := a.visitor("user:1", "phone"), a.visitor("user:1", "laptop"), a.visitor("user:12", "other")
		at.run(t, "destroy", "-owner", "user:1", "-yes").expect(t, exitDone, "2 sessions destroyed")
		if a.name(phone) != "" || a.name(laptop) != "" || a.name(other) != "other" {
			t.Error("not the owner's sessions, and those alone")
		}
		at.run(t, "destroy", "-owner", "user:1", "-yes").expect(t, exitDone, "0 sessions destroyed")
	})
}

func TestSweep(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t, func(o *sessions.Options) { o.IdleTimeout = time.Minute })
		a.clock = -time.Hour
		a.visitor("", "long gone")
		a.visitor("", "gone, too")
		a.clock = 0
		here := a.visitor("", "here")
		if got := at.ids(t); !slices.Equal(got, []string{a.id(here)}) {
			t.Errorf("sessions that have expired are listed: %q", got)
		}
		at.run(t, "sweep").expect(t, exitDone, "2 expired sessions removed")
		if o := at.run(t, "sweep", "-json").expect(t, exitDone).objects(t)[0]; o["swept"] != 0.0 {
			t.Errorf("%v", o)
		}
		if a.name(here) != "here" {
			t.Error("a live session was swept")
		}
	})
}

func TestFiltersByTime(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		a.clock = -3 * 24 * time.Hour
		v, w := a.visitor("", "old"), a.visitor("", "used")
		old, used := a.id(v), a.id(w)
		a.clock = 0
		young := a.id(a.visitor("", "young"))
		a.name(w)
		for args, want := range map[string][]string{
			"-created-before 2d":                      {old, used},
			"-created-after 2d":                       {young},
			"-created-before 4d":                      {},
			"-idle-longer-than 2d":                    {old},
			"-created-before 2d -idle-longer-than 2d": {old},
			"-created-before 2001-01-01":              {},
			"-created-after 2001-01-01T00:00:00Z":     {old, used, young},
			"-expires-within 399d":                    {old},
			"-limit 1 -created-after 2d":              {young},
		} {
			got := at.ids(t, strings.Fields(args)...)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("list %s: %q, want %q", args, got, want)
			}
		}
	})
}

func TestNamespacesAreSeparate(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		a := at.program(t)
		shop := at.and(env{"SESSIONS_NAMESPACE": "shop"})
		b := shop.program(t)
		one, two := a.visitor("user:1", "one"), b.visitor("user:1", "two")
		if got := at.ids(t); !slices.Equal(got, []string{a.id(one)}) {
			t.Errorf("without a namespace: %q", got)
		}
		if got := at.ids(t, "-namespace", "shop"); !slices.Equal(got, []string{b.id(two)}) {
			t.Errorf("of the shop: %q", got)
		}
		shop.run(t, "destroy", "-owner", "user:1", "-yes").expect(t, exitDone, "1 session destroyed")
		if a.name(one) != "one" || b.name(two) != "" {
			t.Error("the other's session was destroyed")
		}
	})
}
