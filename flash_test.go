package sessions_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
)

const lifeNotices sessions.Flash[string] = "notices"

func TestFlashIsShownOnce(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		s.AddFlash("first")
		s.AddFlash("second")
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", s.Flashes(), []string{"first", "second"}) })
	a.store.calls()
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes again", len(s.Flashes()), 0) })
	lifeEqual(t, "store calls where there is none to take", a.store.calls(), "Load")
}

func TestFlashMayBeTakenInTheRequestThatAddedIt(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	c.ok(func(s *sessions.Session) {
		s.AddFlash("now")
		lifeEqual(t, "Flashes", s.Flashes(), []string{"now"})
		lifeEqual(t, "Flashes again", len(s.Flashes()), 0)
		s.AddFlash("later")
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", s.Flashes(), []string{"later"}) })
}

func TestPeekLeavesTheFlashes(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { lifeNotices.Add(s, "hello") })
	a.store.calls()
	for range 2 {
		c.ok(func(s *sessions.Session) { lifeEqual(t, "Peek", lifeNotices.Peek(s), []string{"hello"}) })
	}
	lifeEqual(t, "store calls", a.store.calls(), "Load Load")
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Take", lifeNotices.Take(s), []string{"hello"}) })
}

func TestFlashQueuesAreApart(t *testing.T) {
	const codes sessions.Flash[int] = "codes"
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		lifeNotices.Add(s, "one")
		codes.Add(s, 404)
		lifeNotices.Add(s, "two")
		s.Set("notices", "a value of the same name")
		s.AddFlash("three")
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Take", lifeNotices.Take(s), []string{"one", "two"}) })
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "Take", len(lifeNotices.Take(s)), 0)
		lifeEqual(t, "codes", codes.Take(s), []int{404})
		lifeEqual(t, "Flashes", s.Flashes(), []string{"three"})
		lifeEqual(t, "Keys", s.Keys(), []string{"notices"})
	})
}

func TestFlashSurvivesRenewAndNotInvalidate(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { s.AddFlash("welcome") })
	c.ok(func(s *sessions.Session) { s.Renew() })
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "Flashes", s.Flashes(), []string{"welcome"})
		s.AddFlash("lost")
		s.Invalidate()
		s.AddFlash("goodbye")
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", s.Flashes(), []string{"goodbye"}) })
}

func TestTakeRemovesOnlyWhatWasRead(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { s.AddFlash("same") })
	other := c.copied()
	a.store.before("Save", func() { other.ok(func(s *sessions.Session) { s.AddFlash("same") }) })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", s.Flashes(), []string{"same"}) })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", s.Flashes(), []string{"same"}) })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", len(s.Flashes()), 0) })
}

func TestFlashTakenTwiceAtOnceIsGone(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { s.AddFlash("hello") })
	other := c.copied()
	a.store.before("Save", func() { other.ok(func(s *sessions.Session) { s.Flashes() }) })
	c.ok(func(s *sessions.Session) { s.Flashes() })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Flashes", len(s.Flashes()), 0) })
}

func TestParallelFlashesAreAllKept(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	const n = 50
	var wg sync.WaitGroup
	var want []string
	for i := range n {
		message := fmt.Sprintf("message %02d", i)
		want = append(want, message)
		wg.Go(func() { c.copied().ok(func(s *sessions.Session) { s.AddFlash(message) }) })
	}
	wg.Wait()
	c.ok(func(s *sessions.Session) {
		got := s.Flashes()
		slices.Sort(got)
		lifeEqual(t, "Flashes", got, want)
	})
}

func TestFlashThatDoesNotFitItsTypeIsDropped(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		sessions.Flash[int]("notices").Add(s, 7)
		lifeNotices.Add(s, "text")
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Take", lifeNotices.Take(s), []string{"text"}) })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Take", len(sessions.Flash[int]("notices").Take(s)), 0) })
}

func TestFlashesTakenByTwoRequestsAreShownByBoth(t *testing.T) {
	m, _ := clientManager(t, sessions.Options{})
	s := m.NewSession()
	s.AddFlash("saved")
	if err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	var both [2]*sessions.Session
	for i := range both {
		both[i], _ = m.Load(t.Context(), s.Token())
		if got := both[i].Flashes(); len(got) != 1 || got[0] != "saved" {
			t.Errorf("request %d shows %q", i, got)
		}
	}
	for i := range both {
		if err := both[i].Save(t.Context()); err != nil {
			t.Errorf("request %d fails: %v", i, err)
		}
	}
}
