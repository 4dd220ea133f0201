package gorillasessions_test

import (
	"net/http"
	"reflect"
	"testing"

	gorilla "github.com/gorilla/sessions"
)

func TestFlashes(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		take := func(queue ...string) (flashes []any) {
			b.with("app", func(s *gorilla.Session) { flashes = s.Flashes(queue...) })
			return flashes
		}
		b.with("app", func(s *gorilla.Session) {
			s.AddFlash("saved")
			s.AddFlash(cart{[]string{"tea"}, 1})
			s.AddFlash(&address{"High Street"})
			s.AddFlash("careful", "warnings")
		})
		if got := take(); !reflect.DeepEqual(got, []any{"saved", cart{[]string{"tea"}, 1}, &address{"High Street"}}) {
			t.Errorf("flashes: %#v", got)
		}
		if got := take(); len(got) > 0 {
			t.Errorf("flashes, again: %#v", got)
		}
		if got := take("warnings"); !reflect.DeepEqual(got, []any{"careful"}) {
			t.Errorf("warnings: %#v", got)
		}
		b.with("app", func(s *gorilla.Session) { s.AddFlash("one") })
		b.with("app", func(s *gorilla.Session) { s.AddFlash("two") })
		b.with("app", func(s *gorilla.Session) {
			s.Flashes()
			s.AddFlash("three")
		})
		if got := take(); !reflect.DeepEqual(got, []any{"three"}) {
			t.Errorf("flashes: %#v", got)
		}
		b.with("other", func(s *gorilla.Session) { s.AddFlash("other's") })
		b.with("other", func(s *gorilla.Session) { s.Flashes() })
		b.with("app", signOut) // there are only emptied lists
		if len(b.cookies) > 0 {
			t.Error("not signed out")
		}
	})
}

// Messages that parallel requests add are all kept, and each is shown.
func TestParallelFlashes(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("user", "ann"))
		for _, first := range []string{"none", "one"} {
			if first == "one" {
				b.with("app", func(s *gorilla.Session) { s.AddFlash("first") })
			}
			var tabs [6]*browser
			for i := range tabs {
				tabs[i] = b.copy()
			}
			concurrently(len(tabs), func(i int) { tabs[i].with("app", func(s *gorilla.Session) { s.AddFlash(i) }) })
			want := len(tabs)
			if first == "one" {
				want++
			}
			var got []any
			b.do(func(w http.ResponseWriter, r *http.Request) {
				s := a.get(r, "app")
				got = s.Flashes()
				b.copy().with("app", func(s *gorilla.Session) { s.AddFlash("meanwhile") })
				if err := s.Save(r, w); err != nil {
					t.Error(err)
				}
			})
			if len(got) != want {
				t.Errorf("%v: %d messages: %v", first, len(got), got)
			}
			b.with("app", func(s *gorilla.Session) {
				if got := s.Flashes(); !reflect.DeepEqual(got, []any{"meanwhile"}) {
					t.Errorf("%v: then %v", first, got)
				}
			})
		}
	})
}

// A failed Save that is repeated adds a message once.
func TestFlashAfterFailedSave(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("user", "ann"))
		b.do(func(w http.ResponseWriter, r *http.Request) {
			s := a.get(r, "app")
			s.AddFlash("once")
			a.down.Store(true)
			if s.Save(r, w) == nil {
				t.Error("Save during the outage returned nil")
			}
			a.down.Store(false)
			if err := s.Save(r, w); err != nil {
				t.Error(err)
			}
		})
		b.with("app", func(s *gorilla.Session) {
			if got := s.Flashes(); len(got) != 1 {
				t.Errorf("flashes: %v", got)
			}
		})
	})
}
