package sessions_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

const noticeQueue sessions.Flash[string] = "notices"

func TestFlashIsShownOnce(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.AddFlash("first")
		s.AddFlash("second")
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"first", "second"}) })
	a.Store.Calls()
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes again", len(s.Flashes()), 0) })
	testapp.Equal(t, "store calls where there is none to take", a.Store.Calls(), "Load")
}

func TestFlashInTheSameRequest(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	c.OK(func(s *sessions.Session) {
		s.AddFlash("now")
		testapp.Equal(t, "Flashes", s.Flashes(), []string{"now"})
		testapp.Equal(t, "Flashes again", len(s.Flashes()), 0)
		s.AddFlash("later")
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"later"}) })
}

func TestFlashPeek(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { noticeQueue.Add(s, "hello") })
	a.Store.Calls()
	for range 2 {
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Peek", noticeQueue.Peek(s), []string{"hello"}) })
	}
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load Load")
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Take", noticeQueue.Take(s), []string{"hello"}) })
}

func TestFlashQueuesAreIndependent(t *testing.T) {
	const codes sessions.Flash[int] = "codes"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		noticeQueue.Add(s, "one")
		codes.Add(s, 404)
		noticeQueue.Add(s, "two")
		s.Set("notices", "a value of the same name")
		s.AddFlash("three")
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Take", noticeQueue.Take(s), []string{"one", "two"}) })
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "Take", len(noticeQueue.Take(s)), 0)
		testapp.Equal(t, "codes", codes.Take(s), []int{404})
		testapp.Equal(t, "Flashes", s.Flashes(), []string{"three"})
		testapp.Equal(t, "Keys", s.Keys(), []string{"notices"})
	})
}

func TestFlashAfterRenewAndInvalidate(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { s.AddFlash("welcome") })
	c.OK(func(s *sessions.Session) { s.Renew() })
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "Flashes", s.Flashes(), []string{"welcome"})
		s.AddFlash("lost")
		s.Invalidate()
		s.AddFlash("goodbye")
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"goodbye"}) })
}

func TestFlashTakeRemovesOnlyWhatItReturns(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { s.AddFlash("same") })
	other := c.Copy()
	a.Store.Before("Save", func() { other.OK(func(s *sessions.Session) { s.AddFlash("same") }) })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"same"}) })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"same"}) })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", len(s.Flashes()), 0) })
}

func TestFlashTakenByParallelRequests(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { s.AddFlash("hello") })
	other := c.Copy()
	a.Store.Before("Save", func() { other.OK(func(s *sessions.Session) { s.Flashes() }) })
	c.OK(func(s *sessions.Session) { s.Flashes() })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", len(s.Flashes()), 0) })
}

func TestParallelFlashesAreAllKept(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	const n = 50
	var wg sync.WaitGroup
	var want []string
	for i := range n {
		message := fmt.Sprintf("message %02d", i)
		want = append(want, message)
		wg.Go(func() { c.Copy().OK(func(s *sessions.Session) { s.AddFlash(message) }) })
	}
	wg.Wait()
	c.OK(func(s *sessions.Session) {
		got := s.Flashes()
		slices.Sort(got)
		testapp.Equal(t, "Flashes", got, want)
	})
}

func TestFlashOfAnotherTypeIsDropped(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		sessions.Flash[int]("notices").Add(s, 7)
		noticeQueue.Add(s, "text")
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Take", noticeQueue.Take(s), []string{"text"}) })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Take", len(sessions.Flash[int]("notices").Take(s)), 0) })
}

func TestParallelTakeReturnsFlashesTwice(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
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
