package behaviour

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
	"github.com/pump-go/sessions/memory"
)

// Late requests, which the client sent before it had the new ID: see docs/security.md,
// "Renewing IDs".

func renew(s *sessions.Session)      { s.Renew() }
func invalidate(s *sessions.Session) { s.Invalidate() }

// renewed returns a client whose session was renewed, and one with the old ID.
func renewed(a *testapp.App) (c, late *testapp.Client) {
	a.T.Helper()
	c = a.SignedIn()
	late = c.Copy()
	c.OK(func(s *sessions.Session) {
		s.Renew()
		if a.Options.ManualSave {
			testapp.Error(a.T, "Save", s.Save(a.T.Context()), nil)
		}
	})
	return c, late
}

func TestLateReads(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c, late := renewed(a)
		token := late.Token()
		for name, f := range map[string]func(*sessions.Session){
			"Get":     testapp.Look,
			"Pop":     func(s *sessions.Session) { testapp.User.Pop(s) },
			"Flashes": func(s *sessions.Session) { s.Flashes() },
			"Save":    func(s *sessions.Session) { testapp.Error(t, "Save", s.Save(t.Context()), nil) },
			"Revert":  func(s *sessions.Session) { testapp.User.Set(s, "eve"); s.Revert() },
		} {
			got := late.OK(f)
			testapp.Equal(t, "Set-Cookie of "+name, got.SetCookie, "")
			late.IsAnonymous("after " + name)
		}
		testapp.Equal(t, "the late client's token", late.Token(), token)
		testapp.Equal(t, "user", c.User(), "ann")
		a.WantRecords(1)
	}, revoke)
}

func TestLateReadWithAPreviousSecret(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c, late := renewed(a)
		a.Deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret} })
		late.IsAnonymous("a late request with a previous secret")
		late.Fails(http.StatusConflict, testapp.Increment)
		testapp.Equal(t, "user", c.User(), "ann")
	}, revoke)
}

func TestLateChangesAreRefused(t *testing.T) {
	changes := map[string]func(*sessions.Session){
		"Set":            func(s *sessions.Session) { testapp.User.Set(s, "eve") },
		"Update":         testapp.Increment,
		"AddFlash":       func(s *sessions.Session) { s.AddFlash("hello") },
		"Delete":         func(s *sessions.Session) { s.Delete("user") },
		"Clear":          func(s *sessions.Session) { s.Clear() },
		"SetIdleTimeout": func(s *sessions.Session) { s.SetIdleTimeout(time.Hour) },
		"SetLifetime":    func(s *sessions.Session) { s.SetLifetime(time.Hour) },
		"SetExpires":     func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"ResetSettings":  func(s *sessions.Session) { s.ResetSettings() },
		"no owner":       func(s *sessions.Session) { s.SetOwner("") },
		"Revert": func(s *sessions.Session) {
			s.Renew()
			s.Revert()
			testapp.User.Set(s, "eve")
		},
	}
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c, late := renewed(a)
		for name, f := range changes {
			t.Run(name, func(t *testing.T) { late.T = t; late.Fails(http.StatusConflict, f) })
		}
		late.T = t
		late.Fails(http.StatusConflict, func(s *sessions.Session) {
			testapp.User.Set(s, "eve")
			testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		})
		testapp.Equal(t, "user", c.User(), "ann")
		a.WantRecords(1)
	}, revoke)
}

func TestLateRequestWithATokenHeader(t *testing.T) {
	const field = "X-Session"
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.TokenHeader = field })
		_, late := renewed(a)
		for name, change := range map[string]bool{"reads": false, "changes": true} {
			r, err := http.NewRequest("GET", a.Server.URL+"/late-"+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(field, late.Token())
			a.Handle("/late-"+name, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s := sessions.FromContext(r.Context())
				testapp.Look(s)
				if change {
					testapp.Increment(s)
				}
			}))
			got, err := a.Server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			testapp.Equal(t, "a request that "+name+" is refused", got.StatusCode == http.StatusConflict, change)
			for _, name := range []string{field, "Set-Cookie"} {
				if lines := got.Header.Values(name); len(lines) > 0 {
					t.Errorf("the response has %s: %q", name, lines)
				}
			}
		}
	}, revoke)
}

func TestLateSignIn(t *testing.T) {
	for name, signIn := range map[string]func(*sessions.Session){
		"Renew":    renew,
		"SetOwner": func(s *sessions.Session) { s.SetOwner("bob") },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c, late := renewed(a)
				got := late.OK(func(s *sessions.Session) {
					s.Set("before", 1)
					signIn(s)
					s.Set("after", 2)
				})
				if got.SetCookie == "" {
					t.Error("a late sign-in got no cookie")
				}
				late.OK(func(s *sessions.Session) { testapp.Equal(t, "Keys", s.Keys(), []string{"after", "before"}) })
				testapp.Equal(t, "user of the other session", c.User(), "ann")
				a.WantRecords(2)
			}, revoke)
		})
	}
}

func TestLateSignOut(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		for name, signOut := range map[string]func(*sessions.Session){
			"Destroy": func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) },
			"Destroy after a read": func(s *sessions.Session) {
				testapp.Look(s)
				testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil)
			},
			"Invalidate":         invalidate,
			"Invalidate by Save": func(s *sessions.Session) { s.Invalidate(); testapp.Error(t, "Save", s.Save(t.Context()), nil) },
		} {
			for what, next := range map[string]func(*sessions.Session){"": func(*sessions.Session) {}, ", then a value": testapp.Increment} {
				t.Run(name+what, func(t *testing.T) {
					a := st.start(t)
					c, late := renewed(a)
					oldest := late.Copy()
					c.OK(renew) // a chain: old -> old2 -> new
					late.OK(func(s *sessions.Session) { signOut(s); next(s) })
					c.OK(func(s *sessions.Session) { testapp.Equal(t, "the renewed session is empty", len(s.Keys()), 0) })
					oldest.OK(func(s *sessions.Session) { testapp.Equal(t, "the old ID's session is empty", len(s.Keys()), 0) })
					if what == "" {
						a.WantRecords(0)
						return
					}
					testapp.Equal(t, "count", late.Count(), 1)
					a.WantRecords(1)
				})
			}
		}
	}, revoke)
}

func TestRequestInFlightWhenTheIDChanges(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		for name, f := range map[string]func(*sessions.Session){
			"update": testapp.Increment,
			"pop":    func(s *sessions.Session) { testapp.User.Pop(s) },
			"renew":  renew,
		} {
			t.Run(name, func(t *testing.T) {
				a := st.start(t)
				c := a.SignedIn()
				c.Copy().Fails(http.StatusConflict, func(s *sessions.Session) {
					testapp.Look(s)
					c.OK(renew)
					f(s)
				})
				testapp.Equal(t, "user", c.User(), "ann")
				testapp.Equal(t, "count", c.Count(), 0)
				a.WantRecords(1)
			})
		}
		t.Run("invalidate", func(t *testing.T) {
			a := st.start(t)
			c := a.SignedIn()
			other := c.Copy()
			other.OK(func(s *sessions.Session) {
				testapp.Look(s)
				c.OK(renew)
				c.OK(renew)
				s.Invalidate()
				testapp.Increment(s)
			})
			testapp.Equal(t, "user of the renewed session", c.User(), "")
			testapp.Equal(t, "count of the session that Invalidate began", other.Count(), 1)
			a.WantRecords(1)
		})
	}, revoke)
}

func TestForwardHidesNoLiveSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c, late := renewed(a)
		both := c.Copy()
		both.Extra = []string{a.CookieName() + "=" + late.Token()}
		testapp.Equal(t, "user", both.User(), "ann")
		both.OK(testapp.Increment)
		testapp.Equal(t, "count", c.Count(), 1)
	}, revoke)
}

func TestLateRequestWithManualSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, manual)
		c, late := renewed(a)
		got := late.OK(func(s *sessions.Session) { testapp.User.Set(s, "eve"); s.Invalidate() })
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
		testapp.Equal(t, "user", c.User(), "ann")
		got = late.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "eve")
			testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		})
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
		testapp.Equal(t, "user", c.User(), "ann")
	}, revoke)
}

func TestFindAndLoadByAnOldID(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		var old string
		c.OK(func(s *sessions.Session) { old = s.ID() })
		token := c.Token()
		c.OK(renew)
		c.OK(renew)
		_, err := a.Manager.Load(t.Context(), token)
		testapp.Error(t, "Load", err, sessions.ErrNotFound)
		testapp.Error(t, "Load", err, sessions.ErrEnded)
		s, err := a.Manager.Find(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		testapp.Equal(t, "user", s.Get("user"), any("ann"))
		testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil)
		testapp.Equal(t, "user", c.User(), "")
	}, revoke, keep)
}

func TestForwardsAreNeitherListedNorKept(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.SetOwner("ann") })
		late := c.Copy()
		c.OK(renew)
		testapp.Equal(t, "forwards", len(a.Store.Forwards(t)), 1)
		n := 0
		for s, err := range a.Manager.All(t.Context()) {
			testapp.Error(t, "All", err, nil)
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
			n++
		}
		for s, err := range a.Manager.Owned(t.Context(), "ann") {
			testapp.Error(t, "Owned", err, nil)
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
			n++
		}
		testapp.Equal(t, "sessions of All and Owned", n, 2)
		a.Clock.Advance(2*time.Minute - time.Second)
		late.Fails(http.StatusConflict, testapp.Increment)
		a.Clock.Advance(time.Second)
		sweep(a, 1)
		testapp.Equal(t, "forwards", len(a.Store.Forwards(t)), 0)
		late.OK(testapp.Increment)
		testapp.Equal(t, "count of the anonymous session", late.Count(), 1)
		testapp.Equal(t, "user", c.User(), "ann")

		c.OK(renew)
		destroyed, err := a.Manager.DestroyOwned(t.Context(), "ann")
		testapp.Error(t, "DestroyOwned", err, nil)
		testapp.Equal(t, "destroyed", destroyed, 1)
		testapp.Equal(t, "user", c.User(), "")
		testapp.Equal(t, "forwards after DestroyOwned", len(a.Store.Forwards(t)), 1)
	}, revoke, list)
}

// A program that does not know the format of a record, like an older one that does not
// know forwards, must not treat the client as anonymous.
func TestRecordOfAnUnknownFormatIsAnError(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		e := a.Store.Record(t)
		e.Record.Data = append([]byte{200}, make([]byte, len(driver.Key{}))...)
		e.Record.Hint = nil
		a.Store.Put(t, e.Key, e.Record)
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
	}, revoke, list)
}

func TestRenewAfter(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		for name, f := range map[string]func(*sessions.Session){"read": testapp.Look, "change": testapp.Increment} {
			a := st.start(t, func(o *sessions.Options) { o.RenewAfter = time.Hour })
			c := a.SignedIn()
			late := c.Copy()
			token := c.Token()
			a.Clock.Advance(time.Hour - time.Second)
			c.OK(f)
			testapp.Equal(t, "Token after a "+name+", too early", c.Token(), token)
			a.Clock.Advance(time.Second)
			c.OK(f)
			if c.Token() == token {
				t.Errorf("a %s did not renew the ID", name)
			}
			late.IsAnonymous("a late request after a " + name)
			testapp.Equal(t, "user after a "+name, c.User(), "ann")
			a.WantRecords(1)
		}
	}, revoke)
}

func TestInvalidateLeavesAForward(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		late := c.Copy()
		c.OK(func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "bob") })
		late.IsAnonymous("a late request after Invalidate")
		late.Fails(http.StatusConflict, testapp.Increment)
		testapp.Equal(t, "user", c.User(), "bob")
		a.WantRecords(1)
	}, revoke)
}

// Forwards count as records of the memory store's limit.
func TestForwardsCountForTheMemoryLimit(t *testing.T) {
	a := store{driver: memory.New(memory.Options{MaxSessions: 2})}.start(t)
	c := a.SignedIn()
	c.OK(renew)
	a.Client().Fails(http.StatusServiceUnavailable, testapp.Increment)
	testapp.Equal(t, "user", c.User(), "ann")
	a.Clock.Advance(2 * time.Minute)
	sweep(a, 1)
	a.Client().OK(testapp.Increment)
}
