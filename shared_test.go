package sessions_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Values that goroutines share with the session. The commit reads them: that of
// a plain map or slice is a reading like any other, and whoever changes it
// meanwhile has a data race of the program's own. What is promised, and shown
// here under the race detector, is the rest.

// pair is a value that keeps a lock of its own and marshals itself.
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

// A type that locks itself in its MarshalBinary may be changed by anybody at any
// time: each commit stores a state that it was in at one moment.
func TestAValueThatLocksItselfMayChangeWhileItIsCommitted(t *testing.T) {
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
				t.Errorf("stored is %d, %d, before it was %d", p.a, p.b, last)
			}
			last = p.a
		})
	}
	close(stop)
	owners.Wait()
	testapp.Equal(t, "count", c.Count(), 200)
}

// The session never writes to what it was given: one value may be in any number
// of sessions, and be read by anybody, at once.
func TestOneMapInManySessions(t *testing.T) {
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
						t.Errorf("the map is %v", m)
					}
				}); res.StatusCode != http.StatusOK {
					t.Errorf("status %d", res.StatusCode)
				}
				_ = prices["coffee"]
			}
		})
	}
	wg.Wait()
	testapp.Equal(t, "the map", prices, want)
}

// What the owner does to its map after the commit is not in the record, and
// comes to no other request; what it does before the next commit of this one is.
func TestAMapThatItsOwnerGoesOnChanging(t *testing.T) {
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
	// A retry after a conflict stores it as it is by then, once and whole.
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
