package behaviour

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func manual(o *sessions.Options) { o.ManualSave = true }

func TestNewSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		got := a.Client().OK(func(*sessions.Session) {})
		for _, field := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
			testapp.Equal(t, field+" where the session was not used", got.Header.Get(field), "")
		}
		got = a.Client().OK(func(s *sessions.Session) {
			testapp.Equal(t, "IsNew", s.IsNew(), true)
			testapp.Equal(t, "Keys", len(s.Keys()), 0)
			testapp.Equal(t, "a missing value", s.Get("missing"), nil)
			if v, ok := testapp.User.Get(s); v != "" || ok {
				t.Errorf("missing value: got %q, %v", v, ok)
			}
			testapp.Equal(t, "Flashes", len(s.Flashes()), 0)
			testapp.Equal(t, "Owner", s.Owner(), "")
			testapp.Equal(t, "Created", s.Created(), testapp.Epoch.UTC())
			testapp.Equal(t, "LastAccessed", s.LastAccessed(), testapp.Epoch.UTC())
			testapp.Error(t, "Err", s.Err(), nil)
		})
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
		testapp.Equal(t, "calls", a.Store.Since("Load", "Save", "Renew", "Touch", "Delete", "Seal"), 0)
		a.WantRecords(0)
	})
}

func TestCounterWithManualSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t, manual).Client()
		for want := 1; want <= 3; want++ {
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "count", testapp.Count.Update(s, func(n int) int { return n + 1 }), want)
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
			})
		}
	})
}

func TestManualSaveDropsUnsavedChanges(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, manual)
		got := a.Client().OK(func(s *sessions.Session) { testapp.User.Set(s, "eve") })
		testapp.Equal(t, "Set-Cookie of a new client", got.SetCookie, "")
		a.WantRecords(0)

		c := a.SignedIn()
		got = c.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "eve")
			testapp.Increment(s)
			s.Renew()
		})
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
		testapp.Equal(t, "user", c.User(), "ann")
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "count", s.Has("count"), false) })
	})
}

func TestDestroyWithManualSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, manual)
		c := a.SignedIn()
		a.WantRecords(1)
		got := c.OK(func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) })
		if got.Cookie == nil || got.Cookie.Value != "" {
			t.Errorf("Set-Cookie: %q, want a deletion", got.SetCookie)
		}
		a.WantRecords(0)
	})
}

func TestLoadingAnUnknownIDCreatesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		gone := a.SignedIn()
		old := gone.Copy()
		gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		for range 3 {
			old.IsAnonymous("a token whose session is gone")
		}
		a.WantRecords(0)
		// A new session has another ID: the client's is never adopted.
		was := old.Token()
		old.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
		if old.Token() == was {
			t.Error("the unknown ID was adopted")
		}
		a.WantRecords(1)
	}, revoke)
}

func TestLoadedSessionIsNotNew(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		var id string
		c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); id = s.ID() })
		for range 3 {
			c.Serve(func(w http.ResponseWriter, r *http.Request) {
				for range 2 {
					s := sessions.FromContext(r.Context())
					testapp.Equal(t, "IsNew", s.IsNew(), false)
					testapp.Equal(t, "ID", s.ID(), id)
					again, err := a.Manager.Load(r.Context(), s.Token())
					if err != nil {
						t.Error(err)
						return
					}
					testapp.Equal(t, "IsNew when loaded beside", again.IsNew(), false)
					testapp.Equal(t, "ID when loaded beside", again.ID(), id)
					testapp.Increment(s)
				}
			})
		}
	})
}

func TestClearKeepsTheSessionAndItsCookieSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		var id string
		c.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "ann")
			s.AddFlash("hello")
			s.SetExpires(sessions.ExpireWithBrowser())
			id = s.ID()
		})
		c.OK(func(s *sessions.Session) { s.Clear() })
		got := c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "IsNew", s.IsNew(), false)
			testapp.Equal(t, "ID", s.ID(), id)
			testapp.Equal(t, "Keys", len(s.Keys()), 0)
			testapp.Equal(t, "Flashes", len(s.Flashes()), 0)
			s.Renew()
		})
		testapp.Equal(t, "the cookie's expiry", got.SetCookie != "" && attributes(got.SetCookie) == "; Path=/; HttpOnly; SameSite=Lax" && got.Cookie.RawExpires == "", true)
		a.WantRecords(1)
	})
}

func TestDestroyEndsTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		var id string
		got := c.OK(func(s *sessions.Session) {
			id = s.ID()
			testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil)
			testapp.Equal(t, "Keys", len(s.Keys()), 0)
			a.WantRecords(0) // immediately, not with the response
		})
		if got.Cookie == nil || got.Cookie.Value != "" || got.Cookie.MaxAge >= 0 {
			t.Errorf("Set-Cookie: %q, want a deletion", got.SetCookie)
		}
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "IsNew", s.IsNew(), true)
			testapp.Equal(t, "Keys", len(s.Keys()), 0)
			if s.ID() == id {
				t.Error("the ID is still valid")
			}
		})
	})
}

func TestDestroyedTokenIsInvalid(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		old := c.Copy()
		var id string
		c.OK(func(s *sessions.Session) { id = s.ID(); s.Destroy(t.Context()) })
		old.IsAnonymous("the token of a destroyed session")
		old.OK(func(s *sessions.Session) {
			if s.ID() == id {
				t.Error("the ID is still valid")
			}
		})
	}, revoke)
}

func TestInvalidateSetsALiveCookie(t *testing.T) {
	for name, saves := range map[string]bool{"by Save": true, "by the answer": false} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.SignedIn()
				old := c.Token()
				var before, after string
				got := c.OK(func(s *sessions.Session) {
					before = s.ID()
					testapp.Error(t, "Invalidate", s.Invalidate(), nil)
					testapp.Increment(s)
					if saves {
						testapp.Error(t, "Save", s.Save(t.Context()), nil)
					}
					after = s.ID()
				})
				if before == after {
					t.Error("the ID did not change")
				}
				if got.Cookie == nil || got.Cookie.Value == "" || got.Cookie.Value == old || got.Cookie.MaxAge <= 0 {
					t.Errorf("Set-Cookie: %q, want a live one", got.SetCookie)
				}
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "ID", s.ID(), after)
					testapp.Equal(t, "Keys", s.Keys(), []string{"count"})
				})
				a.WantRecords(1)
			})
		})
	}
}

func TestRenewKeepsTheDataUnderAnotherID(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		old := c.Token()
		var after string
		c.OK(func(s *sessions.Session) {
			before := s.ID()
			testapp.Error(t, "Renew", s.Renew(), nil)
			if after = s.ID(); before == after {
				t.Error("the ID did not change")
			}
		})
		if c.Token() == old {
			t.Error("the token did not change")
		}
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "ID", s.ID(), after)
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
		})
		a.WantRecords(1)
	})
}

func TestRenewInvalidatesTheOldToken(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		old := c.Copy()
		c.OK(func(s *sessions.Session) {
			s.Renew()
			testapp.Error(t, "Save", s.Save(t.Context()), nil)
			old.IsAnonymous("the old token, before the answer with the new one has left")
			a.WantRecords(1)
		})
		old.IsAnonymous("the old token")
		testapp.Equal(t, "user", c.User(), "ann")
		a.WantRecords(1)
	}, revoke)
}

func TestSaveKeepsTheSessionUsable(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t).Client()
		c.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "ann")
			s.Set("list", []any{"a", "b"})
			s.AddFlash("hello")
			for range 2 {
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				testapp.Equal(t, "Keys", s.Keys(), []string{"list", "user"})
				testapp.Equal(t, "user", s.Get("user"), any("ann"))
				testapp.Equal(t, "list", s.Get("list"), any([]any{"a", "b"}))
				testapp.Equal(t, "IsNew", s.IsNew(), true)
			}
			testapp.Equal(t, "Flashes", s.Flashes(), []string{"hello"})
			testapp.Increment(s) // still usable
		})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Keys", s.Keys(), []string{"count", "list", "user"}) })
	})
}

func TestTokenIsTheCookiesValue(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		for name, f := range map[string]func(s *sessions.Session){
			"a save":     testapp.Increment,
			"Renew":      func(s *sessions.Session) { testapp.Increment(s); s.Renew() },
			"Invalidate": func(s *sessions.Session) { s.Invalidate(); testapp.Increment(s) },
		} {
			var token string
			c.OK(func(s *sessions.Session) {
				f(s)
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				token = s.Token()
			})
			testapp.Equal(t, "the cookie after "+name, c.Token(), token)
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "Token after "+name, s.Token(), token) })
		}
	})
}

func TestUnencodableValueFailsOnlyTheSave(t *testing.T) {
	for name, v := range map[string]any{"channel": make(chan int), "deep inside": []any{map[string]any{"f": func() {}}}} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.SignedIn()
				c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
					testapp.User.Set(s, "eve")
					s.Set("x", v)
					testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
				})
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "Keys", s.Keys(), []string{"user"})
					testapp.Equal(t, "user", s.Get("user"), any("ann"))
				})
				a.Client().Fails(http.StatusInternalServerError, func(s *sessions.Session) { s.Set("x", v) })
				a.WantRecords(1)
			})
		})
	}
}

func TestCreationTime(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		began := testapp.Epoch
		for name, f := range map[string]func(s *sessions.Session){
			"a look": testapp.Look, "a save": testapp.Increment, "Renew": func(s *sessions.Session) { s.Renew() }, "Clear": func(s *sessions.Session) { s.Clear() },
		} {
			a.Clock.Advance(30 * time.Minute)
			c.OK(func(s *sessions.Session) {
				f(s)
				testapp.Equal(t, "Created at "+name, s.Created(), began.UTC())
			})
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "Created after "+name, s.Created(), began.UTC()) })
		}
		for name, f := range map[string]func(s *sessions.Session){
			"Invalidate": func(s *sessions.Session) { s.Invalidate() },
			"Destroy":    func(s *sessions.Session) { s.Destroy(t.Context()) },
			"expiry":     func(s *sessions.Session) { a.Clock.Advance(time.Hour) },
		} {
			if name == "expiry" {
				f(nil) // before the request
				f = testapp.Look
			}
			a.Clock.Advance(time.Minute)
			began = a.Clock.Now()
			c.OK(func(s *sessions.Session) { f(s); testapp.User.Set(s, "ann") })
			a.Clock.Advance(time.Minute)
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "IsNew", s.IsNew(), false)
				testapp.Equal(t, "Created of the session after "+name, s.Created(), began.UTC())
			})
		}
	})
}

func TestNamesOfInvalidUTF8AreDistinct(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t).Client()
		names := []string{"", "\x00", "a", "a\x00", "\xc3", "\xc3\xa4", "\xfe", "\xff", "\ufffd"}
		c.OK(func(s *sessions.Session) {
			for i, name := range names {
				s.Set(name, i)
			}
			testapp.Error(t, "SetOwner", s.SetOwner("\xff\x00"), nil)
		})
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "names", len(s.Keys()), len(names))
			for i, name := range names {
				testapp.Equal(t, "value", s.Get(name), any(int64(i)))
			}
			testapp.Equal(t, "Owner", s.Owner(), "\xff\x00")
		})
	})
}
