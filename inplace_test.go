package sessions_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// pointerBox is a struct that can be changed in place only through its pointer.
type pointerBox struct {
	Name  string
	Inner *streetAddress
}

const (
	listKey sessions.Key[[]int]          = "list"
	ptrKey  sessions.Key[*streetAddress] = "ptr"
	boxKey  sessions.Key[pointerBox]     = "box"
)

// newWithReferences returns a client with one value of each type that can change in
// place.
func newWithReferences(a *testapp.App) *testapp.Client {
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		testapp.Map.Set(s, map[string]int{"a": 1})
		listKey.Set(s, []int{1, 2, 3})
		ptrKey.Set(s, &streetAddress{Street: "Elm"})
		boxKey.Set(s, pointerBox{"box", &streetAddress{Street: "Oak"}})
	})
	a.Store.Calls()
	return c
}

func checkReferences(t *testing.T, c *testapp.Client) {
	t.Helper()
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		list, _ := listKey.Get(s)
		p, _ := ptrKey.Get(s)
		box, _ := boxKey.Get(s)
		testapp.Equal(t, "map", m, map[string]int{"a": 1, "b": 2})
		testapp.Equal(t, "slice", list, []int{9, 2, 3})
		testapp.Equal(t, "pointer", p, &streetAddress{Street: "Elm", No: 7})
		testapp.Equal(t, "pointer in a struct", box.Inner, &streetAddress{Street: "Oak", No: 8})
	})
}

func changeInPlace(m map[string]int, list []int, p *streetAddress, box pointerBox) {
	m["b"], list[0], p.No, box.Inner.No = 2, 9, 7, 8
}

func TestInPlaceChangesAreSaved(t *testing.T) {
	get := func(s *sessions.Session) (map[string]int, []int, *streetAddress, pointerBox) {
		m, _ := testapp.Map.Get(s)
		list, _ := listKey.Get(s)
		p, _ := ptrKey.Get(s)
		box, _ := boxKey.Get(s)
		return m, list, p, box
	}
	t.Run("of what Get returned", func(t *testing.T) {
		a := testapp.New(t)
		c := newWithReferences(a)
		c.OK(func(s *sessions.Session) { changeInPlace(get(s)) })
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load Save")
		checkReferences(t, c)
	})
	t.Run("of what Set was given", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) {
			m, list, p, box := map[string]int{"a": 1}, []int{1, 2, 3}, &streetAddress{Street: "Elm"}, pointerBox{"box", &streetAddress{Street: "Oak"}}
			testapp.Map.Set(s, m)
			listKey.Set(s, list)
			ptrKey.Set(s, p)
			boxKey.Set(s, box)
			changeInPlace(m, list, p, box)
		})
		checkReferences(t, c)
	})
	t.Run("of what Update returned", func(t *testing.T) {
		a := testapp.New(t)
		c := newWithReferences(a)
		c.OK(func(s *sessions.Session) {
			changeInPlace(
				testapp.Map.Update(s, func(m map[string]int) map[string]int { return m }),
				listKey.Update(s, func(list []int) []int { return append([]int(nil), list...) }),
				ptrKey.Update(s, func(p *streetAddress) *streetAddress { return &streetAddress{Street: p.Street} }),
				boxKey.Update(s, func(b pointerBox) pointerBox { b.Name = "crate"; return b }),
			)
		})
		checkReferences(t, c)
	})
	t.Run("after Save", func(t *testing.T) {
		a := testapp.New(t)
		c := newWithReferences(a)
		c.OK(func(s *sessions.Session) {
			m, list, p, box := get(s)
			m["a"], list[1], p.Street, box.Inner.Street = 0, 0, "?", "?"
			s.Save(t.Context())
			m["a"], list[1], p.Street, box.Inner.Street = 1, 2, "Elm", "Oak"
			s.Save(t.Context())
			changeInPlace(m, list, p, box)
		})
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load Save Save Save")
		checkReferences(t, c)
	})
	t.Run("in the function of Update", func(t *testing.T) {
		a := testapp.New(t)
		c := newWithReferences(a)
		c.OK(func(s *sessions.Session) {
			testapp.Map.Update(s, func(m map[string]int) map[string]int { m["b"] = 2; return m })
			listKey.Update(s, func(list []int) []int { list[0] = 9; return list })
			ptrKey.Update(s, func(p *streetAddress) *streetAddress { p.No = 7; return p })
			boxKey.Update(s, func(b pointerBox) pointerBox { b.Inner.No = 8; return b })
		})
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load Save")
		checkReferences(t, c)
	})
	t.Run("of an untyped value", func(t *testing.T) {
		a := testapp.New(t)
		c := newWithReferences(a)
		c.OK(func(s *sessions.Session) {
			s.Get("map").(map[string]any)["b"] = 2
			s.Get("list").([]any)[0] = 9
			s.Get("ptr").(map[string]any)["n"] = 7
			s.Get("box").(map[string]any)["Inner"].(map[string]any)["n"] = 8
		})
		checkReferences(t, c)
	})
}

func TestUnchangedReferencesAreNotSaved(t *testing.T) {
	a := testapp.New(t)
	c := newWithReferences(a)
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		listKey.Get(s)
		ptrKey.Get(s)
		boxKey.Get(s)
		m["b"] = 1
		delete(m, "b") // there and back is no change
	})
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
	c.OK(func(s *sessions.Session) {
		for _, name := range s.Keys() {
			s.Get(name)
		}
	})
	testapp.Equal(t, "store calls of untyped reads", a.Store.Calls(), "Load")
}

func TestReadAsNarrowerTypeKeepsFields(t *testing.T) {
	type wide struct {
		Name, Mail string
		Age        int
	}
	type narrow struct{ Name string }
	const (
		wides   sessions.Key[*wide]   = "profile"
		narrows sessions.Key[*narrow] = "profile"
	)
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { wides.Set(s, &wide{"ann", "ann@example.org", 30}) })
	a.Store.Calls()
	c.OK(func(s *sessions.Session) {
		p, ok := narrows.Get(s)
		if !ok || p.Name != "ann" {
			t.Errorf("narrow: got %v, %v", p, ok)
		}
	})
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
	// A change of another value copies this one unchanged.
	c.OK(func(s *sessions.Session) { narrows.Get(s); testapp.User.Set(s, "ann") })
	c.OK(func(s *sessions.Session) {
		p, _ := wides.Get(s)
		testapp.Equal(t, "wide", *p, wide{"ann", "ann@example.org", 30})
	})
}

func TestValueReadAsSeveralTypes(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.Map.Set(s, map[string]int{"a": 1}) })
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		as64, ok := sessions.Key[map[string]int64]("map").Get(s)
		testapp.Equal(t, "as another map", as64, map[string]int64{"a": 1})
		testapp.Equal(t, "found", ok, true)
		m["a"] = 2 // the type that was read first is the one that is watched
	})
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		testapp.Equal(t, "map", m, map[string]int{"a": 2})
	})
}

func TestValueOfChangedType(t *testing.T) {
	const asInt sessions.Key[int] = "user"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.User.Set(s, "bartholomew") })
	stored := a.Store.Record(t).Record.Version

	c.OK(func(s *sessions.Session) {
		n, ok := asInt.Get(s)
		if n != 0 || ok {
			t.Errorf("Get: got %d, %v, want 0, false", n, ok)
		}
		n, ok = asInt.Pop(s)
		if n != 0 || ok {
			t.Errorf("Pop: got %d, %v, want 0, false", n, ok)
		}
		testapp.Equal(t, "Has", asInt.Has(s), true)
	})
	if log := a.Log.String(); !strings.Contains(log, "does not fit") || !strings.Contains(log, "key=user") || strings.Contains(log, "bart") {
		t.Errorf("got log %s", log)
	}
	testapp.Equal(t, "version", a.Store.Record(t).Record.Version, stored)

	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		testapp.Equal(t, "Update's result", asInt.Update(s, func(n int) int { return n + 1 }), 0)
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
	})
	testapp.Equal(t, "user", c.User(), "bartholomew")

	c.OK(func(s *sessions.Session) { // Revert forgets what could not be done
		asInt.Update(s, func(n int) int { return n + 1 })
		s.Revert()
		testapp.User.Update(s, func(name string) string { return name + "i" })
	})
	testapp.Equal(t, "user", c.User(), "bartholomewi")
	c.OK(func(s *sessions.Session) { asInt.Set(s, 1) }) // overwriting is meant
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "user", s.Get("user"), any(int64(1))) })
}

func TestUnencodableValueFailsCommit(t *testing.T) {
	type deep struct{ F func() }
	for name, f := range map[string]func(*sessions.Session){
		"channel":         func(s *sessions.Session) { s.Set("x", make(chan int)) },
		"function":        func(s *sessions.Session) { s.Set("x", func() {}) },
		"complex":         func(s *sessions.Session) { s.Set("x", 1i) },
		"deep inside":     func(s *sessions.Session) { s.Set("x", []any{map[string]any{"a": deep{func() {}}}}) },
		"of Update":       func(s *sessions.Session) { sessions.Key[any]("x").Update(s, func(any) any { return make(chan int) }) },
		"of a flash":      func(s *sessions.Session) { sessions.Flash[any]("x").Add(s, make(chan int)) },
		"put in in place": func(s *sessions.Session) { s.Get("any").(map[string]any)["x"] = make(chan int) },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			c.OK(func(s *sessions.Session) { s.Set("any", map[string]any{"a": 1}) })
			stored := a.Store.Record(t).Record.Version
			res := c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
				f(s)
				testapp.User.Set(s, "bob")
				testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
			})
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "version", a.Store.Record(t).Record.Version, stored)
			testapp.Equal(t, "user", c.User(), "ann")
		})
	}
	t.Run("of a new session", func(t *testing.T) {
		a := testapp.New(t)
		res := a.Client().Fails(http.StatusInternalServerError, func(s *sessions.Session) { s.Set("x", make(chan int)) })
		testapp.Equal(t, "cookie", res.Cookie, nil)
		testapp.Equal(t, "store calls", a.Store.Calls(), "")
	})
	t.Run("deleted again", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) {
			s.Set("x", make(chan int))
			testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
			s.Delete("x")
			testapp.Equal(t, "Save", s.Save(t.Context()), nil)
		})
	})
}

// An Update includes what was set or changed in place before it. That is applied once,
// however often the commit is retried.
func TestInPlaceChangeBeforeUpdate(t *testing.T) {
	double := func(s *sessions.Session) {
		testapp.Map.Update(s, func(m map[string]int) map[string]int { m["a"] *= 2; return m })
	}
	for name, f := range map[string]func(*sessions.Session){
		"set": func(s *sessions.Session) { testapp.Map.Set(s, map[string]int{"a": 5}) },
		"set, then in place": func(s *sessions.Session) {
			m := map[string]int{"a": 1}
			testapp.Map.Set(s, m)
			m["a"] = 5
		},
		"in place": func(s *sessions.Session) {
			m, _ := testapp.Map.Get(s)
			m["a"] = 5
		},
		"in place, and a Save that failed": func(s *sessions.Session) {
			m, _ := testapp.Map.Get(s)
			m["a"] = 5
			s.Set("x", make(chan int))
			s.Save(t.Context())
			s.Delete("x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) { testapp.Map.Set(s, map[string]int{"a": 1}) })
			other := c.Copy()
			a.Store.Before("Save", func() { other.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann") }) })
			c.OK(func(s *sessions.Session) {
				f(s)
				double(s)
			})
			c.OK(func(s *sessions.Session) {
				m, _ := testapp.Map.Get(s)
				testapp.Equal(t, "map", m, map[string]int{"a": 10})
				testapp.Equal(t, "user", s.Get("user"), any("ann"))
			})
		})
	}
}

// A session with more than manyValues values uses another data structure.
func TestManyValues(t *testing.T) {
	const n = 2000
	m, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.NewClient(t, m)
	b.Visit(func(s *sessions.Session) {
		for i := range n {
			s.Set(strconv.Itoa(i), i)
		}
	})
	b.Visit(func(s *sessions.Session) {
		for _, name := range s.Keys() {
			if v, _ := s.Get(name).(int64); strconv.FormatInt(v, 10) != name {
				t.Fatalf("got %s = %v", name, v)
			}
		}
		for i := range n / 2 {
			s.Delete(strconv.Itoa(2 * i))
		}
		s.Set("1", "one")
	})
	b.Visit(func(s *sessions.Session) {
		if names := s.Keys(); len(names) != n/2 || s.Has("0") || s.Get("1") != "one" || s.Get("3") != int64(3) {
			t.Errorf("got %d values", len(names))
		}
	})
}

// After a merge, values that the other request did not change can still be changed in
// place.
func TestInPlaceChangeAfterMerge(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		testapp.Map.Set(s, map[string]int{"a": 1})
		s.Set("theirs", map[string]int{"b": 1})
	})
	other := c.Copy()
	theirs := sessions.Key[map[string]int]("theirs")
	a.Store.Before("Save", func() {
		other.OK(func(s *sessions.Session) { theirs.Set(s, map[string]int{"b": 2}) })
	})
	c.Serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		mine, _ := testapp.Map.Get(s)
		old, _ := theirs.Get(s)
		testapp.Increment(s)
		w.Write([]byte("header")) // the commit, which merges
		mine["a"] = 2
		old["b"] = 3 // out of date, and so nobody's
	})
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		testapp.Equal(t, "map changed in place", m, map[string]int{"a": 2})
		m, _ = theirs.Get(s)
		testapp.Equal(t, "map of another request", m, map[string]int{"b": 2})
	})
	testapp.Equal(t, "count", c.Count(), 1)
}

// More types for the round trip.

type streetAddress struct {
	Street string `json:"street"`
	No     int    `cbor:"n,omitempty"`
	hidden int
}

// Values that goroutines share with the session. A commit reads them, so changing a
// map or slice during a commit is a data race of the program. The tests below show,
// with the race detector, what is not.

// pair is a value with a lock and a MarshalBinary method.
type pair struct {
	mu   sync.Mutex
	a, b uint64 // always equal
}

func (p *pair) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.a++
	p.b++
}

func (p *pair) MarshalBinary() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, p.a), p.b), nil
}

func (p *pair) UnmarshalBinary(b []byte) error {
	if len(b) != 16 {
		return fmt.Errorf("%d bytes", len(b))
	}
	p.a, p.b = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	return nil
}

// A value whose MarshalBinary holds its lock may be changed at any time: each commit
// stores a consistent state.
func TestLockedValueChangesDuringCommit(t *testing.T) {
	const pairs sessions.Key[*pair] = "pair"
	a := testapp.New(t)
	c := a.Client()
	shared := new(pair)
	stop := make(chan struct{})
	var owners sync.WaitGroup
	for range 4 {
		owners.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					shared.step()
				}
			}
		})
	}
	last := uint64(0)
	for range 200 {
		c.OK(func(s *sessions.Session) {
			pairs.Set(s, shared)
			testapp.Increment(s)
			if err := s.Save(t.Context()); err != nil {
				t.Error(err)
			}
		})
		c.OK(func(s *sessions.Session) {
			p, ok := pairs.Get(s)
			if !ok || p.a != p.b || p.a < last {
				t.Errorf("got %d, %d after %d", p.a, p.b, last)
			}
			last = p.a
		})
	}
	close(stop)
	owners.Wait()
	testapp.Equal(t, "count", c.Count(), 200)
}

// The session never writes to a value that it was given, so one value may be in many
// sessions and be read concurrently.
func TestMapSharedByManySessions(t *testing.T) {
	a := testapp.New(t)
	prices := map[string]int{"tea": 3, "coffee": 4}
	want := maps.Clone(prices)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			c := a.Client()
			for range 10 {
				if res := c.Do(func(s *sessions.Session) {
					testapp.Map.Set(s, prices)
					testapp.Increment(s)
					s.Save(t.Context())
					if m, _ := testapp.Map.Get(s); m["tea"] != 3 {
						t.Errorf("got map %v", m)
					}
				}); res.StatusCode != http.StatusOK {
					t.Errorf("got status %d, want 200", res.StatusCode)
				}
				_ = prices["coffee"]
			}
		})
	}
	wg.Wait()
	testapp.Equal(t, "the map", prices, want)
}

// Changes to a map after the commit are not in the record, and other requests do not
// see them. The next commit of the same request stores them.
func TestMapChangedAfterSet(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	m := map[string]int{"a": 1}
	c.OK(func(s *sessions.Session) {
		testapp.Map.Set(s, m)
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		m["b"] = 2 // before the answer's commit
	})
	m["c"] = 3 // after it
	c.OK(func(s *sessions.Session) {
		got, _ := testapp.Map.Get(s)
		testapp.Equal(t, "map", got, map[string]int{"a": 1, "b": 2})
	})
	// A retry after a conflict stores its present state.
	c.OK(func(s *sessions.Session) {
		testapp.Map.Set(s, m)
		other := c.Copy()
		a.Store.Before("Save", func() {
			other.OK(testapp.Increment)
			m["d"] = 4 // the one goroutine that there is, between two attempts
		})
	})
	c.OK(func(s *sessions.Session) {
		got, _ := testapp.Map.Get(s)
		testapp.Equal(t, "map", got, map[string]int{"a": 1, "b": 2, "c": 3, "d": 4})
	})
	testapp.Equal(t, "count", c.Count(), 1)
}
