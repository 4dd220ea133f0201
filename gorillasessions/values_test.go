package gorillasessions_test

import (
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// Values come back with the type that they had.
func TestTypes(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		want := map[any]any{
			"int":        7,
			"int64":      int64(7),
			"uint8":      uint8(7),
			"float":      math.Inf(1),
			"bool":       false,
			"text":       "",
			"bytes":      []byte{0, 1},
			"nil":        nil,
			"struct":     cart{[]string{"tea"}, 3.5},
			"pointer":    &address{"High Street"},
			"named":      number(3),
			"list":       []any{1, "two", cart{}},
			"map":        map[string]int{"a": 1, "b": 2},
			"time":       time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
			"":           "an empty key",
			"a:b/c":      "signs in a key",
			7:            "an int as key",
			int64(7):     "another one",
			number(7):    "a named one",
			word("text"): "a named string",
			true:         "a bool",
		}
		b := a.browser()
		b.with("app", func(s *gorilla.Session) { maps.Copy(s.Values, want) })
		if got := b.values("app"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %#v\nwant %#v", got, want)
		}
		// An unchanged session needs no write.
		before := maps.Clone(b.cookies)
		b.with("app", func(*gorilla.Session) {})
		if a.wrapped && !maps.Equal(before, b.cookies) {
			t.Error("a Save without a change sent a cookie")
		}
		b.with("app", func(s *gorilla.Session) {
			delete(s.Values, 7)
			delete(s.Values, "nil")
		})
		got := b.values("app")
		_, seven := got[7]
		_, null := got["nil"]
		if seven || null || len(got) != len(want)-2 {
			t.Errorf("after the deletion: %#v", got)
		}
	})
}

type unregistered struct{ N int }

type stubborn struct{}

func (stubborn) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*stubborn) GobDecode([]byte) error    { return errors.New("never") }

type panicking struct{}

func (panicking) GobEncode() ([]byte, error) { panic("no") }
func (*panicking) GobDecode([]byte) error    { panic("no") }

// explosive panics when it is read back.
type explosive struct{}

func (explosive) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*explosive) GobDecode([]byte) error    { panic("no") }

// shifty comes back as another value.
type shifty int

func (shifty) GobEncode() ([]byte, error)  { return []byte{1}, nil }
func (s *shifty) GobDecode(b []byte) error { *s = 8; return nil }

type half struct {
	A int
	b int
}

func init() {
	gob.Register(stubborn{})
	gob.Register(panicking{})
	gob.Register(explosive{})
	gob.Register(shifty(0))
	gob.Register(half{})
}

// What would not come back is refused, and nothing of the Save is stored.
func TestRefusedValues(t *testing.T) {
	for name, c := range map[string]struct{ key, value any }{
		"unregistered":         {"k", unregistered{1}},
		"function":             {"k", func() {}},
		"channel":              {"k", make(chan int)},
		"inside a list":        {"k", []any{unregistered{1}}},
		"does not decode":      {"k", stubborn{}},
		"panics":               {"k", panicking{}},
		"panics in decoding":   {"k", explosive{}},
		"key of another value": {shifty(7), "v"},
		"key of a struct":      {half{1, 2}, "v"},
		"key of a pointer":     {&half{}, "v"},
		"key of a float":       {1.5, "v"},
		"key not registered":   {unregisteredKey(1), "v"},
		"nil key":              {nil, "v"},
		"key with a nil value": {unregisteredKey(1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, a *app) {
				b := a.browser()
				b.with("app", set("before", 1))
				b.do(func(w http.ResponseWriter, r *http.Request) {
					s := a.get(r, "app")
					s.Values["other"], s.Values[c.key] = 2, c.value
					if err := s.Save(r, w); !errors.Is(err, sessions.ErrInvalidValue) {
						t.Errorf("Save: %v", err)
					}
				})
				if got := b.values("app"); !maps.Equal(got, map[any]any{"before": 1}) {
					t.Errorf("stored: %v", got)
				}
			})
		})
	}
}

type unregisteredKey int

// Parallel requests that change different values keep them all.
func TestParallelRequestsMerge(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(s *gorilla.Session) {
			s.Values["map"] = map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
			s.Values["gone"] = 1
		})
		var tabs [8]*browser
		for i := range tabs {
			tabs[i] = b.copy()
		}
		concurrently(len(tabs), func(i int) {
			tabs[i].with("app", func(s *gorilla.Session) {
				s.Values[fmt.Sprint("tab", i)] = i
				delete(s.Values, "gone")
			})
		})
		got := b.values("app")
		want := []string{"map", "tab0", "tab1", "tab2", "tab3", "tab4", "tab5", "tab6", "tab7"}
		if !slices.Equal(keys(got), want) {
			t.Errorf("got %v", got)
		}
	})
}

// A value that a request has not changed does not overwrite another request's.
func TestUnchangedValuesAreNotWritten(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		old := map[string]int{}
		for i := range 20 {
			old[fmt.Sprint(i)] = i
		}
		b.with("app", func(s *gorilla.Session) {
			s.Values["map"], s.Values["user"], s.Values["gone"] = old, "ann", true
		})
		b.with("app", func(slow *gorilla.Session) {
			b.copy().with("app", func(s *gorilla.Session) {
				s.Values["map"], s.Values["user"] = map[string]int{"new": 1}, "bob"
				s.Values["added"] = 1
				delete(s.Values, "gone")
			})
			slow.Values["seen"] = true
		})
		want := map[any]any{"map": map[string]int{"new": 1}, "user": "bob", "added": 1, "seen": true}
		if got := b.values("app"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// What is changed behind a pointer, or in a map, is saved.
func TestChangesInPlace(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(s *gorilla.Session) {
			s.Values["address"], s.Values["map"] = &address{"High Street"}, map[string]int{"a": 1}
		})
		b.with("app", func(s *gorilla.Session) {
			s.Values["address"].(*address).Street = "Low Street"
			s.Values["map"].(map[string]int)["b"] = 2
		})
		got := b.values("app")
		if got["address"].(*address).Street != "Low Street" || len(got["map"].(map[string]int)) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

// A value that cannot be decoded any more is an error, and stays stored.
func TestUndecodable(t *testing.T) {
	a := newApp(t, sessions.Options{}, true)
	b := a.browser()
	b.with("app", set("good", 7))
	b.with("app", set(7, "seven"))
	b.do(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("gorilla:app:bad", []byte{1, 2, 3})
		s.Set("gorilla:app:number", 7)
		s.Set("gorilla:app/int(9)", []byte{3, 4})
		seven, err := sessions.Key[[]byte]("gorilla:app/int(7)").Decode(s)
		if err != nil {
			t.Error(err)
		}
		s.Set("gorilla:app/int(8)", seven)
	})
	b.do(func(w http.ResponseWriter, r *http.Request) {
		s, err := a.st.Get(r, "app")
		if !errors.Is(err, sessions.ErrInvalidValue) {
			t.Errorf("Get: %v", err)
		}
		if !maps.Equal(s.Values, map[any]any{"good": 7, 7: "seven"}) {
			t.Errorf("Values: %v", s.Values)
		}
		s.Values["number"] = 8
		delete(s.Values, 7)
		if err := s.Save(r, w); err != nil {
			t.Error(err)
		}
		names := sessions.FromContext(r.Context()).Keys()
		if len(names) != 5 || slices.Contains(names, "gorilla:app/int(7)") {
			t.Errorf("stored: %v", names)
		}
	})
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		if s, _ := a.st.Get(r, "app"); s.Values["number"] != 8 {
			t.Errorf("Values: %v", s.Values)
		}
	})
}
