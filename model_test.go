package sessions_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// modelState is what a session holds, according to the documentation.
type modelState struct {
	values  map[string]int
	list    []int // of a slice that is changed in place; nil if there is none
	flashes []string
	owner   string
}

func (m modelState) clone() modelState {
	m.values, m.list, m.flashes = maps.Clone(m.values), slices.Clone(m.list), slices.Clone(m.flashes)
	return m
}

func newModel() modelState { return modelState{values: make(map[string]int)} }

const modelList sessions.Key[[]int] = "list"

// check compares the session with the model.
func (m modelState) check(t *testing.T, when string, s *sessions.Session) {
	t.Helper()
	want := slices.Sorted(maps.Keys(m.values))
	if m.list != nil {
		want = append(want, "list")
	}
	if got := s.Keys(); !slices.Equal(got, want) {
		t.Errorf("%s: got keys %v, want %v", when, got, want)
	}
	for name, n := range m.values {
		if got, ok := sessions.Key[int](name).Get(s); got != n || !ok {
			t.Errorf("%s: got %s = %v, want %d", when, name, got, n)
		}
	}
	if list, _ := modelList.Get(s); !slices.Equal(list, m.list) {
		t.Errorf("%s: got list %v, want %v", when, list, m.list)
	}
	if got := sessions.Flash[string]("flash").Peek(s); !slices.Equal(got, m.flashes) {
		t.Errorf("%s: got flashes %v, want %v", when, got, m.flashes)
	}
	if got := s.Owner(); got != m.owner {
		t.Errorf("%s: got owner %q, want %q", when, got, m.owner)
	}
}

// FuzzSession uses one client's session at random, with a store that keeps records and
// with a Sealer, and compares it with a model of a few lines. Each byte is a step; some
// end the request, panic, or make the store fail.
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 14, 4, 5, 14, 6, 7, 8, 9, 10, 11, 12, 13, 15, 0, 16, 17, 18, 19, 20})
	f.Add([]byte{0, 14, 21, 0, 8, 14, 21, 7, 0, 9, 14, 12, 12, 5, 12, 8, 12, 15, 12, 14, 3, 3, 23, 12, 14})
	f.Add([]byte{33, 5, 8, 5, 0, 14, 6, 12, 9, 14, 24, 0, 14, 7, 7, 0, 7, 14, 0, 5, 7, 0, 5, 8, 9, 14})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 200 {
			t.Skip("long enough")
		}
		t.Run("records", func(t *testing.T) { modelRun(t, steps, sessions.Options{}) })
		t.Run("sealed", func(t *testing.T) {
			modelRun(t, steps, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
		})
	})
}

// errModelPanic is the value with which a handler of the model panics.
var errModelPanic = errors.New("a panic of the handler's")

// visitRecovering is Client.Visit, behind a middleware that recovers from a panic.
func visitRecovering(b *testapp.Client, h func(s *sessions.Session)) {
	m := b.Managers[0]
	recovering := &testapp.Client{T: b.T, Cookies: b.Cookies}
	recovering.Send(httptest.NewRequest("GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil && reason != errModelPanic {
				panic(reason)
			}
		}()
		m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { h(sessions.FromContext(r.Context())) })).ServeHTTP(w, r)
	}))
}

func modelRun(t *testing.T, steps []byte, o sessions.Options) {
	o.ManualSave = len(steps) > 0 && steps[0]%2 == 1
	var fake *testapp.Store
	if o.Store == "" {
		fake = testapp.NewStore(nil)
		o.Driver = fake
	}
	m, _ := testapp.NewManager(t, o)
	b := testapp.NewClient(t, m)
	kept := newModel() // what the next request finds
	// dead are the tokens of ended sessions.
	dead := make(map[string]bool)
	for len(steps) > 0 && !t.Failed() {
		now, known := kept.clone(), kept.clone() // known: what Revert goes back to
		fails := false                           // the commit will
		before := b.Token()
		moved, moves, ended := false, false, false // Renew or Invalidate is under way; was done; Destroy was
		{
			completed := false
			visitRecovering(b, func(s *sessions.Session) {
				now.check(t, "at first", s)
				saved := func() { known, kept = now.clone(), now.clone() }
				for len(steps) > 0 {
					step, arg := steps[0]%25, int(steps[0]/25)
					steps = steps[1:]
					name := string(rune('a' + arg%3))
					key := sessions.Key[int](name)
					switch step {
					case 0, 1:
						key.Set(s, arg)
						now.values[name] = arg
					case 2:
						s.Delete(name)
						delete(now.values, name)
					case 3, 4:
						key.Update(s, func(n int) int { return n + 1 + arg })
						now.values[name] += 1 + arg
					case 5:
						n, ok := key.Pop(s)
						if want, has := now.values[name]; n != want || ok != has {
							t.Errorf("Pop: got %d, %v, want %d, %v", n, ok, want, has)
						}
						delete(now.values, name)
					case 6:
						s.Clear()
						now.values, now.list, now.flashes = make(map[string]int), nil, nil
					case 7:
						if err := s.Destroy(t.Context()); err != nil {
							t.Errorf("Destroy: %v", err)
						}
						now, known, kept, fails = newModel(), newModel(), newModel(), false
						ended = true
					case 8:
						if err := s.Save(t.Context()); (err != nil) != fails {
							t.Errorf("Save: %v", err)
						} else if err == nil {
							saved()
							moves, moved = moves || moved, false
						}
					case 9:
						s.Revert()
						now, fails, moved = known.clone(), false, false
					case 10:
						s.AddFlash(name)
						now.flashes = append(now.flashes, name)
					case 11:
						if got := s.Flashes(); !slices.Equal(got, now.flashes) {
							t.Errorf("Flashes: got %v, want %v", got, now.flashes)
						}
						now.flashes = nil
					case 12: // in place
						if list, ok := modelList.Get(s); ok && len(list) > 0 {
							list[arg%len(list)]++
							now.list[arg%len(list)]++
						} else {
							modelList.Set(s, []int{arg, arg})
							now.list = []int{arg, arg}
						}
					case 13: // and by Update
						list := modelList.Update(s, func(list []int) []int {
							if len(list) > 0 {
								list[0] += 10
							}
							return append(list, arg)
						})
						if len(now.list) > 0 {
							now.list[0] += 10
						}
						now.list = append(slices.Clone(now.list), arg)
						list[0] += 100 // what it returned may be changed too
						now.list[0] += 100
					case 14:
						completed = true
						return
					case 15:
						panic(errModelPanic)
					case 16:
						s.SetOwner(name)
						now.owner = name
					case 17:
						s.SetOwner("")
						now.owner = ""
					case 18, 19:
						if err := s.Renew(); err != nil {
							t.Errorf("Renew: %v", err)
						}
						moved = true
					case 20:
						if err := s.Invalidate(); err != nil {
							t.Errorf("Invalidate: %v", err)
						}
						now, fails, moved = newModel(), false, true
					case 21: // the store fails at the next write; the manager tries again
						if fake != nil && fake.Pending("Save") == 0 {
							fake.Next("Save", testapp.Refused)
						}
					case 22: // a value that nothing can store
						s.Set(name, make(chan int))
						s.Delete(name)
						delete(now.values, name)
					case 23: // a value of another type, which Update must not overwrite
						if now.list != nil && !fails {
							sessions.Key[string]("list").Update(s, func(string) string { return "x" })
							fails = true
						}
					case 24:
						now.check(t, "in between", s)
					}
					now.check(t, fmt.Sprint("after step ", step), s)
				}
				completed = true
			})
			if completed && !o.ManualSave && !fails {
				kept = now
				moves = moves || moved
			}
		}
		after := b.Token()
		if before != "" && !ended && fake != nil && (after != before) != moves {
			t.Errorf("the token changed: %v; Renew or Invalidate took effect: %v", after != before, moves)
		}
		if before != "" && after != before && fake != nil {
			dead[before] = true
		}
		for token := range dead {
			if token == after {
				t.Errorf("an old token is valid again")
			}
			if _, err := m.Load(t.Context(), token); !errors.Is(err, sessions.ErrNotFound) {
				t.Errorf("Load of a replaced token: got error %v", err)
			}
		}
		if fake != nil {
			if n := len(fake.Records(t)); n > 1 || (n == 1) != (after != "") {
				t.Errorf("got %d records with the client's token %q", n, after)
			}
		}
		b.Serve(func(_ http.ResponseWriter, r *http.Request) {
			kept.check(t, "in the next request", sessions.FromContext(r.Context()))
		})
	}
}

// modelParty is one of several requests that have the same session open.
type modelParty struct {
	s     *sessions.Session
	known modelState               // as it was loaded or last saved
	now   modelState               // as this request sees it
	log   []func(*modelState) bool // what it did; false: it cannot be done there
	over  bool                     // another one ended the session
}

// FuzzMerge lets three parallel requests use one session at random, and checks what
// the documentation says: each commit applies all changes of its request, in order, to
// the stored record, or none of them; and an ended session stays ended.
func FuzzMerge(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 27, 28, 29})
	f.Add([]byte{0, 9, 6, 7, 9, 10, 11, 18, 19, 27, 28, 29, 30, 31, 32})
	f.Add([]byte{12, 13, 14, 27, 28, 29, 33, 34, 27, 28, 36, 0, 27, 1, 28})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 200 {
			t.Skip("long enough")
		}
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "ann")
			sessions.Key[int]("a").Set(s, 1)
			s.AddFlash("old")
		})
		kept := newModel()
		kept.values["a"] = 1
		kept.flashes = []string{"old"}
		token := c.Token()
		open := func() *modelParty {
			s, err := a.Manager.Load(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			s.Delete("user")
			if err := s.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			return &modelParty{s: s, known: kept.clone(), now: kept.clone()}
		}
		parties := []*modelParty{open(), open(), open()}
		reopen := func() {
			for i := range parties {
				parties[i] = open()
			}
		}
		for i, b := range steps {
			p := parties[b%3]
			step, arg := int(b/3)%14, int(b/42)
			name := string(rune('a' + arg%3))
			key := sessions.Key[int](name)
			do := func(change func(*modelState) bool) {
				change(&p.now)
				p.log = append(p.log, change)
			}
			switch step {
			case 0:
				key.Set(p.s, i)
				do(func(m *modelState) bool { m.values[name] = i; return true })
			case 1, 2:
				key.Update(p.s, func(n int) int { return n + 1 })
				do(func(m *modelState) bool { m.values[name]++; return true })
			case 3:
				key.Delete(p.s)
				if _, ok := p.now.values[name]; ok {
					do(func(m *modelState) bool { delete(m.values, name); return true })
				}
			case 4: // of what was there at first; else it is a plain removal
				n, ok := key.Pop(p.s)
				if want, has := p.now.values[name]; n != want || ok != has {
					t.Errorf("Pop: got %d, %v, want %d, %v", n, ok, want, has)
				}
				if !ok {
					break
				}
				before, was := p.known.values[name]
				untouched := was && before == n && !p.touched(name)
				do(func(m *modelState) bool {
					there, has := m.values[name]
					delete(m.values, name)
					return !untouched || has && there == n
				})
			case 5:
				p.s.Clear()
				do(func(m *modelState) bool { m.values, m.flashes = make(map[string]int), nil; return true })
			case 6:
				text := fmt.Sprint("flash ", i)
				p.s.AddFlash(text)
				do(func(m *modelState) bool { m.flashes = append(m.flashes, text); return true })
			case 7:
				read := p.s.Flashes()
				if !slices.Equal(read, p.now.flashes) {
					t.Errorf("Flashes: got %v, want %v", read, p.now.flashes)
				}
				if len(read) == 0 {
					break
				}
				do(func(m *modelState) bool {
					m.flashes = slices.DeleteFunc(slices.Clone(m.flashes), func(text string) bool { return slices.Contains(read, text) })
					return true
				})
			case 8:
				p.s.SetOwner(name)
				if p.now.owner != name {
					do(func(m *modelState) bool { m.owner = name; return true })
				}
			case 9, 10, 11:
				renew := step == 11 && !p.over
				if renew {
					if err := p.s.Renew(); err != nil {
						t.Errorf("Renew: %v", err)
					}
				}
				next, fits := kept.clone(), true
				for _, change := range p.log {
					fits = change(&next) && fits
				}
				err := p.s.Save(t.Context())
				switch {
				case p.over && len(p.log) > 0:
					if !errors.Is(err, sessions.ErrEnded) {
						t.Errorf("Save of an ended session: got error %v, want ErrEnded", err)
					}
				case p.over:
					if err != nil {
						t.Errorf("Save without changes of an ended session: got error %v", err)
					}
				case !fits:
					if !errors.Is(err, sessions.ErrConflict) {
						t.Errorf("Save after Pop of a taken value: got error %v, want ErrConflict", err)
					}
					p.s.Revert()
					p.now, p.log = p.known.clone(), nil
				case err != nil:
					t.Errorf("Save: %v", err)
				case len(p.log) > 0 || renew:
					kept = next
					p.known, p.now, p.log = kept.clone(), kept.clone(), nil
				}
				if renew && fits && err == nil {
					token = p.s.Token()
					for _, other := range parties {
						other.over = other != p
					}
				}
			case 12:
				p.s.Revert()
				p.now, p.log = p.known.clone(), nil
			case 13:
				if arg == 0 && !p.over {
					if err := p.s.Destroy(t.Context()); err != nil {
						t.Errorf("Destroy: %v", err)
					}
					for _, other := range parties {
						if other == p || len(other.log) == 0 {
							continue
						}
						if err := other.s.Save(t.Context()); !errors.Is(err, sessions.ErrEnded) {
							t.Errorf("Save of a destroyed session: got error %v", err)
						}
					}
					if n := len(a.Store.Records(t)); n != 0 {
						t.Errorf("got %d records after Destroy, want none", n)
					}
					return
				}
				reopen()
			}
			p.now.check(t, fmt.Sprintf("step %d of %d", i, step), p.s)
			if t.Failed() {
				return
			}
		}
		last, err := a.Manager.Load(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		kept.check(t, "in the end", last)
		if n := len(a.Store.Records(t)); n != 1 {
			t.Errorf("got %d records, want 1", n)
		}
	})
}

// touched reports whether the request has already changed the value.
func (p *modelParty) touched(name string) bool {
	probe := p.known.clone()
	probe.values[name] = -1000
	for _, change := range p.log {
		change(&probe)
	}
	n, ok := probe.values[name]
	return !ok || n != -1000
}
