package sessions_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// modelParty is one of several requests that have the same session open.
type modelParty struct {
	s     *sessions.Session
	known modelState               // as it was loaded or last saved
	now   modelState               // as this request sees it
	log   []func(*modelState) bool // what it did; false: it cannot be done there
	over  bool                     // another one ended the session
}

// FuzzMerge has three requests do anything at all with one session at once, and
// looks whether what they commit is what the documentation says: each commit
// applies its request's changes, in order, to what is there by then, or none of
// them; and what was ended stays ended.
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
					t.Errorf("Pop gives %d, %v, want %d, %v", n, ok, want, has)
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
					t.Errorf("Flashes gives %v, want %v", read, p.now.flashes)
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
						t.Errorf("Save to a session that was ended: %v", err)
					}
				case p.over:
					if err != nil {
						t.Errorf("Save of nothing to a session that was ended: %v", err)
					}
				case !fits:
					if !errors.Is(err, sessions.ErrConflict) {
						t.Errorf("Save of a value that was taken: %v", err)
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
							t.Errorf("Save to a session that was destroyed: %v", err)
						}
					}
					if n := len(a.Store.Records(t)); n != 0 {
						t.Errorf("%d records after Destroy", n)
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
			t.Errorf("%d records", n)
		}
	})
}

// touched tells whether the request itself did anything to the value before.
func (p *modelParty) touched(name string) bool {
	probe := p.known.clone()
	probe.values[name] = -1000
	for _, change := range p.log {
		change(&probe)
	}
	n, ok := probe.values[name]
	return !ok || n != -1000
}
