package sessions_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestNewSessionIsEmpty(t *testing.T) {
	a := testapp.New(t)
	res := a.Client().OK(func(s *sessions.Session) {
		testapp.Equal(t, "IsNew", s.IsNew(), true)
		testapp.Equal(t, "Keys", len(s.Keys()), 0)
		testapp.Equal(t, "Get", s.Get("missing"), nil)
		testapp.Equal(t, "Has", s.Has("missing"), false)
		if v, ok := testapp.User.Get(s); v != "" || ok {
			t.Errorf("Key.Get of a missing value: got %q, %v", v, ok)
		}
		if v, ok := testapp.User.Pop(s); v != "" || ok {
			t.Errorf("Pop of a missing value: got %q, %v", v, ok)
		}
		testapp.Equal(t, "Flashes", len(s.Flashes()), 0)
		testapp.Equal(t, "Owner", s.Owner(), "")
		testapp.Equal(t, "Err", s.Err(), nil)
		testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
		testapp.Equal(t, "LastAccessed", s.LastAccessed(), testapp.Epoch)
		s.Delete("missing")
		s.Clear()
		s.Revert()
		testapp.Error(t, "Decode", s.Decode("missing", new(int)), sessions.ErrNoValue)
	})
	if res.Cookie != nil {
		t.Errorf("got cookie %v for an empty session, want none", res.Cookie)
	}
	testapp.Equal(t, "store calls", a.Store.Calls(), "")
}

func TestValueInTheNextRequest(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	var id, token string
	res := c.OK(func(s *sessions.Session) {
		testapp.User.Set(s, "ann")
		id, token = s.ID(), s.Token()
	})
	if res.Cookie == nil || res.Cookie.Value != token {
		t.Fatalf("got cookie %v, want the session's Token", res.Cookie)
	}
	entry := a.Store.Record(t)
	testapp.Equal(t, "the store's key", entry.Key.String(), id)

	a.Clock.Advance(time.Minute)
	res = c.OK(func(s *sessions.Session) {
		for range 2 { // it is not new however often it is looked at
			testapp.Equal(t, "IsNew", s.IsNew(), false)
			testapp.Equal(t, "ID", s.ID(), id)
			testapp.Equal(t, "Token", s.Token(), token)
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
			testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
		}
	})
	if res.Cookie != nil {
		t.Errorf("got cookie %v for an unchanged session, want none", res.Cookie)
	}
}

func TestUnknownTokenIsRejected(t *testing.T) {
	a := testapp.New(t)
	gone := a.SignedIn()
	old := gone.Copy()
	gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })

	res := old.OK(func(s *sessions.Session) {
		testapp.Equal(t, "IsNew", s.IsNew(), true)
		s.Keys()
	})
	testapp.Equal(t, "records after a mere look", len(a.Store.Records(t)), 0)
	testapp.Equal(t, "cookie", res.Cookie, nil)

	before := old.Token()
	old.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
	if old.Token() == before {
		t.Error("the new session has the client's ID")
	}
	a.Store.Record(t)
}

func TestEmptySessionIsNotStored(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"settings":           func(s *sessions.Session) { s.SetIdleTimeout(time.Hour); s.SetExpires(sessions.ExpireWithBrowser()) },
		"set, deleted":       func(s *sessions.Session) { s.Set("a", 1); s.Delete("a") },
		"set, popped":        func(s *sessions.Session) { testapp.User.Set(s, "ann"); testapp.User.Pop(s) },
		"set, cleared":       func(s *sessions.Session) { s.Set("a", 1); s.Clear() },
		"set, reverted":      func(s *sessions.Session) { s.Set("a", 1); s.Revert() },
		"set, destroyed":     func(s *sessions.Session) { s.Set("a", 1); s.Destroy(t.Context()) },
		"set, invalidated":   func(s *sessions.Session) { s.Set("a", 1); s.Invalidate() },
		"flash added, taken": func(s *sessions.Session) { s.AddFlash("hello"); s.Flashes() },
		"owner set, unset":   func(s *sessions.Session) { s.SetOwner("ann"); s.SetOwner("") },
		"renewed":            func(s *sessions.Session) { s.Renew() },
		"saved":              func(s *sessions.Session) { s.Save(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			res := a.Client().OK(f)
			testapp.Equal(t, "store calls", a.Store.Calls(), "")
			if res.Cookie != nil {
				t.Errorf("got cookie %v, want none", res.Cookie)
			}
		})
	}
}

func TestSettingsBeforeFirstValue(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.SetIdleTimeout(time.Hour)
		if err := s.Save(t.Context()); err != nil { // there is nothing to store yet
			t.Error(err)
		}
		testapp.User.Set(s, "ann")
	})
	a.Clock.Advance(time.Hour)
	testapp.Equal(t, "user after the session's own timeout", c.User(), "")
}

func TestClearKeepsTheSession(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	var id string
	c.OK(func(s *sessions.Session) {
		s.SetOwner("user:1")
		s.SetExpires(sessions.ExpireWithBrowser())
		s.AddFlash("hello")
		id = s.ID()
	})
	res := c.OK(func(s *sessions.Session) {
		s.Clear()
		testapp.Equal(t, "Keys", len(s.Keys()), 0)
		testapp.Equal(t, "Flashes", len(s.Flashes()), 0)
	})
	testapp.Equal(t, "cookie", res.Cookie, nil)
	res = c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "ID", s.ID(), id)
		testapp.Equal(t, "IsNew", s.IsNew(), false)
		testapp.Equal(t, "Keys", len(s.Keys()), 0)
		testapp.Equal(t, "Owner", s.Owner(), "user:1")
		s.Renew()
	})
	if res.Cookie == nil || res.Cookie.MaxAge != 0 || !res.Cookie.Expires.IsZero() {
		t.Errorf("got cookie %v, want one that ends with the browser, as was set", res.Cookie)
	}
}

func TestDestroyEndsTheSession(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	old := c.Copy()
	var id string
	res := c.OK(func(s *sessions.Session) {
		id = s.ID()
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
		testapp.Equal(t, "records at once", len(a.Store.Records(t)), 0)
		testapp.Equal(t, "Keys", len(s.Keys()), 0)
		testapp.Equal(t, "IsNew", s.IsNew(), true)
	})
	if res.Cookie == nil || res.Cookie.Value != "" || res.Cookie.MaxAge >= 0 || res.Cookie.Expires.Unix() != 0 || res.Cookie.Path != "/" {
		t.Errorf("got cookie %v, want a deletion", res.Cookie)
	}
	old.OK(func(s *sessions.Session) {
		testapp.Equal(t, "IsNew under the old ID", s.IsNew(), true)
		if s.ID() == id {
			t.Error("the old ID still works")
		}
	})
}

func TestInvalidateStartsNewSession(t *testing.T) {
	for name, save := range map[string]bool{"by the commit": false, "by Save": true} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			old := c.Copy()
			a.Clock.Advance(time.Minute)
			var before, after string
			res := c.OK(func(s *sessions.Session) {
				before = s.ID()
				if err := s.Invalidate(); err != nil {
					t.Error(err)
				}
				after = s.ID()
				testapp.Equal(t, "Keys", len(s.Keys()), 0)
				testapp.Equal(t, "IsNew", s.IsNew(), true)
				testapp.Equal(t, "Created", s.Created(), testapp.Epoch.Add(time.Minute))
				if save {
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
					testapp.Equal(t, "IsNew after Save", s.IsNew(), true)
				}
			})
			if before == after {
				t.Error("got the same ID, want another")
			}
			if res.Cookie == nil || res.Cookie.Value == "" || res.Cookie.Value == old.Token() {
				t.Errorf("got cookie %v, want that of the new session", res.Cookie)
			}
			testapp.Equal(t, "the record's key", a.Store.Record(t).Key.String(), after)
			testapp.Equal(t, "user under the old ID", old.User(), "")
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "IsNew in the next request", s.IsNew(), false)
				testapp.Equal(t, "Created in the next request", s.Created(), testapp.Epoch.Add(time.Minute))
			})
		})
	}
}

func TestRenewKeepsData(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	old := c.Copy()
	a.Clock.Advance(time.Minute)
	var id, token string
	res := c.OK(func(s *sessions.Session) {
		before := s.ID()
		if err := s.Renew(); err != nil {
			t.Error(err)
		}
		if id, token = s.ID(), s.Token(); id == before {
			t.Error("got the same ID, want another")
		}
		testapp.Equal(t, "user", s.Get("user"), any("ann"))
		testapp.Equal(t, "IsNew", s.IsNew(), false)
	})
	if res.Cookie == nil || res.Cookie.Value != token {
		t.Errorf("got cookie %v, want the new token", res.Cookie)
	}
	testapp.Equal(t, "the record's key", a.Store.Record(t).Key.String(), id)
	testapp.Equal(t, "user under the old ID", old.User(), "")
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "user", s.Get("user"), any("ann"))
		testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
	})
}

func TestSaveKeepsSession(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.Set("a", 1)
		s.Set("m", map[string]int{"x": 1})
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		testapp.Equal(t, "Keys", s.Keys(), []string{"a", "m"})
		testapp.Equal(t, "a", s.Get("a"), any(1))
		testapp.Equal(t, "IsNew", s.IsNew(), true)
		a.Store.Calls()
		s.Save(t.Context())
		testapp.Equal(t, "calls of a Save without changes", a.Store.Calls(), "")
		s.Set("b", 2)
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Keys", s.Keys(), []string{"a", "b", "m"}) })
}

func TestLastStateOfRequestWins(t *testing.T) {
	ctx := t.Context()
	set := func(v string) func(*sessions.Session) {
		return func(s *sessions.Session) { testapp.User.Set(s, v) }
	}
	type step = func(*sessions.Session)
	renew := func(s *sessions.Session) { s.Renew() }
	invalidate := func(s *sessions.Session) { s.Invalidate() }
	destroy := func(s *sessions.Session) { s.Destroy(ctx) }
	save := func(s *sessions.Session) { s.Save(ctx) }
	revert := func(s *sessions.Session) { s.Revert() }
	const keeps, moves, ends = "keeps", "moves", "ends" // the client's cookie
	for name, test := range map[string]struct {
		steps  []step
		user   string
		cookie string
	}{
		"set, renew":                        {[]step{set("b"), renew}, "b", moves},
		"renew, set":                        {[]step{renew, set("b")}, "b", moves},
		"set, renew, destroy":               {[]step{set("b"), renew, destroy}, "", ends},
		"destroy, set":                      {[]step{destroy, set("b")}, "b", moves},
		"set, renew, destroy, set":          {[]step{set("b"), renew, destroy, set("c")}, "c", moves},
		"destroy, set, destroy":             {[]step{destroy, set("b"), destroy}, "", ends},
		"destroy, set, save, destroy":       {[]step{destroy, set("b"), save, destroy}, "", ends},
		"destroy, set, save, renew":         {[]step{destroy, set("b"), save, renew}, "b", moves},
		"destroy twice":                     {[]step{destroy, destroy}, "", ends},
		"renew, save, renew":                {[]step{renew, save, renew}, "ann", moves},
		"renew, save, set":                  {[]step{renew, save, set("b")}, "b", moves},
		"renew, save, destroy":              {[]step{renew, save, destroy}, "", ends},
		"renew, revert":                     {[]step{renew, revert}, "ann", keeps},
		"set, revert":                       {[]step{set("b"), revert}, "ann", keeps},
		"invalidate, revert":                {[]step{invalidate, revert}, "ann", keeps},
		"set, save, set, revert":            {[]step{set("b"), save, set("c"), revert}, "b", keeps},
		"destroy, revert":                   {[]step{destroy, revert}, "", ends},
		"invalidate, set":                   {[]step{invalidate, set("b")}, "b", moves},
		"set, invalidate":                   {[]step{set("b"), invalidate}, "", moves},
		"renew, invalidate":                 {[]step{renew, invalidate}, "", moves},
		"invalidate, set, renew":            {[]step{invalidate, set("b"), renew}, "b", moves},
		"invalidate, save, set, invalidate": {[]step{invalidate, save, set("b"), invalidate}, "", moves},
		"invalidate, destroy":               {[]step{invalidate, destroy}, "", ends},
		"invalidate, save, destroy":         {[]step{invalidate, save, destroy}, "", ends},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			old := c.Copy()
			var token string
			res := c.OK(func(s *sessions.Session) {
				for _, step := range test.steps {
					step(s)
				}
				token = s.Token()
			})
			switch test.cookie {
			case keeps:
				testapp.Equal(t, "cookie", res.Cookie, nil)
				testapp.Equal(t, "user", c.User(), test.user)
				a.Store.Record(t)
				return
			case moves:
				if res.Cookie == nil || res.Cookie.Value != token || token == old.Token() {
					t.Errorf("got cookie %v, want another token", res.Cookie)
				}
				a.Store.Record(t)
			case ends:
				if res.Cookie == nil || res.Cookie.Value != "" {
					t.Errorf("got cookie %v, want a deletion", res.Cookie)
				}
				testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
			}
			testapp.Equal(t, "user", c.User(), test.user)
			testapp.Equal(t, "user under the old ID", old.User(), "")
		})
	}
}

func TestRevert(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	a.Clock.Advance(48 * time.Hour)
	a.Store.Calls()
	c.OK(func(s *sessions.Session) {
		s.SetOwner("user:1")
		testapp.User.Delete(s)
		s.Set("broken", make(chan int))
		s.Invalidate()
		s.Set("x", 1)
		s.Revert()
		testapp.Equal(t, "Keys", s.Keys(), []string{"user"})
		testapp.Equal(t, "Owner", s.Owner(), "")
		testapp.Equal(t, "IsNew", s.IsNew(), false)
		testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
		testapp.Equal(t, "LastAccessed", s.LastAccessed(), testapp.Epoch)
	})
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load Touch")
}

func TestRevertAfterSave(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		testapp.User.Set(s, "ann")
		s.Save(t.Context())
		s.Revert()
		testapp.Equal(t, "IsNew", s.IsNew(), true)
	})
	a.Clock.Advance(48 * time.Hour)
	c.OK(func(s *sessions.Session) {
		testapp.User.Set(s, "bob")
		s.Save(t.Context())
		s.Revert()
		testapp.Equal(t, "user", s.Get("user"), any("bob"))
		testapp.Equal(t, "LastAccessed", s.LastAccessed(), testapp.Epoch)
	})
}

func TestLastAccessed(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.SignedIn()
	for i := range 3 {
		a.Clock.Advance(10 * time.Minute)
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "LastAccessed", s.LastAccessed(), testapp.Epoch.Add(time.Duration(i)*10*time.Minute))
			testapp.User.Set(s, "bob")
			s.Save(t.Context())
			testapp.Equal(t, "LastAccessed after Save", s.LastAccessed(), testapp.Epoch.Add(time.Duration(i)*10*time.Minute))
			testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
		})
	}
}

func TestKeysAreSorted(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	names := []string{"", " ", "B", "a", "aa", "ä", "\xff"}
	c.OK(func(s *sessions.Session) {
		for _, name := range slices.Backward(names) {
			s.Set(name, name)
		}
		testapp.Equal(t, "Keys", s.Keys(), names)
	})
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "Keys", s.Keys(), names)
		for _, name := range names {
			testapp.Equal(t, "value", s.Get(name), any(name))
		}
	})
}

func TestIDDoesNotRevealToken(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	c.OK(func(s *sessions.Session) {
		if raw, err := hex.DecodeString(s.ID()); err != nil || len(raw) != 32 {
			t.Errorf("ID %q is not 64 hex digits", s.ID())
		}
		if s.Token() != c.Token() {
			t.Errorf("got token %q, want that of the cookie, %q", s.Token(), c.Token())
		}
	})
	public := a.Store.Record(t).Key.String()
	thief := a.ClientWith(public)
	testapp.Equal(t, "user with the public ID for a token", thief.User(), "")
	if _, err := a.Manager.Load(t.Context(), public); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("Load with the public ID: got error %v, want ErrNotFound", err)
	}
}
