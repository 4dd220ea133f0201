package behaviour

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func manual(o *sessions.Options) { o.ManualSave = true }

func TestSessionOfAClientWithoutACookieIsNewAndEmpty(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		got := a.client().do(func(*sessions.Session) {})
		for _, field := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
			equal(t, field+" where the session was not used", got.header.Get(field), "")
		}
		got = a.client().do(func(s *sessions.Session) {
			equal(t, "IsNew", s.IsNew(), true)
			equal(t, "Keys", len(s.Keys()), 0)
			equal(t, "a missing value", s.Get("missing"), nil)
			if v, ok := user.Get(s); v != "" || ok {
				t.Errorf("a missing value: %q, %v", v, ok)
			}
			equal(t, "Flashes", len(s.Flashes()), 0)
			equal(t, "Owner", s.Owner(), "")
			equal(t, "Created", s.Created(), epoch.UTC())
			equal(t, "LastAccessed", s.LastAccessed(), epoch.UTC())
			wantErr(t, "Err", s.Err(), nil)
		})
		equal(t, "Set-Cookie", got.line, "")
		equal(t, "calls", a.calls.since("Load", "Save", "Touch", "Delete", "Seal"), 0)
		a.wantRecords(0)
	})
}

func TestCounterWithManualSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t, manual).client()
		for want := 1; want <= 3; want++ {
			c.do(func(s *sessions.Session) {
				equal(t, "count", count.Update(s, func(n int) int { return n + 1 }), want)
				wantErr(t, "Save", s.Save(t.Context()), nil)
			})
		}
	})
}

func TestManualSaveKeepsNothingThatWasNotSaved(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, manual)
		got := a.client().do(func(s *sessions.Session) { user.Set(s, "eve") })
		equal(t, "Set-Cookie of a new client", got.line, "")
		a.wantRecords(0)

		c := a.signedIn()
		got = c.do(func(s *sessions.Session) {
			user.Set(s, "eve")
			increment(s)
			s.Renew()
		})
		equal(t, "Set-Cookie", got.line, "")
		equal(t, "user", c.user(), "ann")
		c.do(func(s *sessions.Session) { equal(t, "count", s.Has("count"), false) })
	})
}

func TestManualSaveLetsDestroyAct(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, manual)
		c := a.signedIn()
		a.wantRecords(1)
		got := c.do(func(s *sessions.Session) { wantErr(t, "Destroy", s.Destroy(t.Context()), nil) })
		if got.cookie == nil || got.cookie.Value != "" {
			t.Errorf("Set-Cookie: %q, want a deletion", got.line)
		}
		a.wantRecords(0)
	})
}

func TestLoadingAnUnknownIDCreatesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		gone := a.signedIn()
		old := gone.copied()
		gone.do(func(s *sessions.Session) { s.Destroy(t.Context()) })
		for range 3 {
			old.isAnonymous("a token whose session is gone")
		}
		a.wantRecords(0)
		// What begins is another session: the client's id is never adopted.
		was := old.token
		old.do(func(s *sessions.Session) { user.Set(s, "bob") })
		if old.token == was {
			t.Error("the unknown id was adopted")
		}
		a.wantRecords(1)
	}, revoke)
}

func TestKnownSessionIsNotNewHoweverOftenItIsLoaded(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		var id string
		c.do(func(s *sessions.Session) { user.Set(s, "ann"); id = s.ID() })
		for range 3 {
			c.serve(func(w http.ResponseWriter, r *http.Request) {
				for range 2 {
					s := sessions.FromContext(r.Context())
					equal(t, "IsNew", s.IsNew(), false)
					equal(t, "ID", s.ID(), id)
					again, err := a.m.Load(r.Context(), s.Token())
					if err != nil {
						t.Error(err)
						return
					}
					equal(t, "IsNew when loaded beside", again.IsNew(), false)
					equal(t, "ID when loaded beside", again.ID(), id)
					increment(s)
				}
			})
		}
	})
}

func TestClearKeepsTheSessionAndItsCookieSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		var id string
		c.do(func(s *sessions.Session) {
			user.Set(s, "ann")
			s.AddFlash("hello")
			s.SetExpires(sessions.ExpireWithBrowser())
			id = s.ID()
		})
		c.do(func(s *sessions.Session) { s.Clear() })
		got := c.do(func(s *sessions.Session) {
			equal(t, "IsNew", s.IsNew(), false)
			equal(t, "ID", s.ID(), id)
			equal(t, "Keys", len(s.Keys()), 0)
			equal(t, "Flashes", len(s.Flashes()), 0)
			s.Renew()
		})
		equal(t, "the cookie's expiry", got.line != "" && attributes(got.line) == "; Path=/; HttpOnly; SameSite=Lax" && got.cookie.RawExpires == "", true)
		a.wantRecords(1)
	})
}

func TestDestroyEndsTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		var id string
		got := c.do(func(s *sessions.Session) {
			id = s.ID()
			wantErr(t, "Destroy", s.Destroy(t.Context()), nil)
			equal(t, "Keys", len(s.Keys()), 0)
			a.wantRecords(0) // at once, not with the answer
		})
		if got.cookie == nil || got.cookie.Value != "" || got.cookie.MaxAge >= 0 {
			t.Errorf("Set-Cookie: %q, want a deletion", got.line)
		}
		c.do(func(s *sessions.Session) {
			equal(t, "IsNew", s.IsNew(), true)
			equal(t, "Keys", len(s.Keys()), 0)
			if s.ID() == id {
				t.Error("the id lives on")
			}
		})
	})
}

func TestDestroyedTokenIsDead(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		old := c.copied()
		var id string
		c.do(func(s *sessions.Session) { id = s.ID(); s.Destroy(t.Context()) })
		old.isAnonymous("the token of a destroyed session")
		old.do(func(s *sessions.Session) {
			if s.ID() == id {
				t.Error("the id lives on")
			}
		})
	}, revoke)
}

func TestInvalidateLeavesALiveCookie(t *testing.T) {
	for name, saves := range map[string]bool{"by Save": true, "by the answer": false} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.signedIn()
				old := c.token
				var before, after string
				got := c.do(func(s *sessions.Session) {
					before = s.ID()
					wantErr(t, "Invalidate", s.Invalidate(), nil)
					increment(s)
					if saves {
						wantErr(t, "Save", s.Save(t.Context()), nil)
					}
					after = s.ID()
				})
				if before == after {
					t.Error("the id stayed")
				}
				if got.cookie == nil || got.cookie.Value == "" || got.cookie.Value == old || got.cookie.MaxAge <= 0 {
					t.Errorf("Set-Cookie: %q, want a live one", got.line)
				}
				c.do(func(s *sessions.Session) {
					equal(t, "ID", s.ID(), after)
					equal(t, "Keys", s.Keys(), []string{"count"})
				})
				a.wantRecords(1)
			})
		})
	}
}

func TestRenewKeepsTheDataUnderAnotherID(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		old := c.token
		var after string
		c.do(func(s *sessions.Session) {
			before := s.ID()
			wantErr(t, "Renew", s.Renew(), nil)
			if after = s.ID(); before == after {
				t.Error("the id stayed")
			}
		})
		if c.token == old {
			t.Error("the token stayed")
		}
		c.do(func(s *sessions.Session) {
			equal(t, "ID", s.ID(), after)
			equal(t, "user", s.Get("user"), any("ann"))
		})
		a.wantRecords(1)
	})
}

func TestRenewKillsTheOldTokenAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		old := c.copied()
		c.do(func(s *sessions.Session) {
			s.Renew()
			wantErr(t, "Save", s.Save(t.Context()), nil)
			old.isAnonymous("the old token, before the answer with the new one has left")
			a.wantRecords(1)
		})
		old.isAnonymous("the old token")
		equal(t, "user", c.user(), "ann")
		a.wantRecords(1)
	}, revoke)
}

func TestSaveLeavesTheSessionAsItIs(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t).client()
		c.do(func(s *sessions.Session) {
			user.Set(s, "ann")
			s.Set("list", []any{"a", "b"})
			s.AddFlash("hello")
			for range 2 {
				wantErr(t, "Save", s.Save(t.Context()), nil)
				equal(t, "Keys", s.Keys(), []string{"list", "user"})
				equal(t, "user", s.Get("user"), any("ann"))
				equal(t, "list", s.Get("list"), any([]any{"a", "b"}))
				equal(t, "IsNew", s.IsNew(), true)
			}
			equal(t, "Flashes", s.Flashes(), []string{"hello"})
			increment(s) // and it goes on
		})
		c.do(func(s *sessions.Session) { equal(t, "Keys", s.Keys(), []string{"count", "list", "user"}) })
	})
}

func TestTokenIsWhatTheCookieHolds(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		for name, f := range map[string]func(s *sessions.Session){
			"a save":     increment,
			"Renew":      func(s *sessions.Session) { increment(s); s.Renew() },
			"Invalidate": func(s *sessions.Session) { s.Invalidate(); increment(s) },
		} {
			var token string
			c.do(func(s *sessions.Session) {
				f(s)
				wantErr(t, "Save", s.Save(t.Context()), nil)
				token = s.Token()
			})
			equal(t, "the cookie after "+name, c.token, token)
			c.do(func(s *sessions.Session) { equal(t, "Token after "+name, s.Token(), token) })
		}
	})
}

func TestValueThatCannotBeEncodedFailsTheSaveAlone(t *testing.T) {
	for name, v := range map[string]any{"channel": make(chan int), "deep inside": []any{map[string]any{"f": func() {}}}} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.signedIn()
				c.fails(http.StatusInternalServerError, func(s *sessions.Session) {
					user.Set(s, "eve")
					s.Set("x", v)
					wantErr(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
				})
				c.do(func(s *sessions.Session) {
					equal(t, "Keys", s.Keys(), []string{"user"})
					equal(t, "user", s.Get("user"), any("ann"))
				})
				a.client().fails(http.StatusInternalServerError, func(s *sessions.Session) { s.Set("x", v) })
				a.wantRecords(1)
			})
		})
	}
}

func TestCreationTimeStaysUntilTheSessionIsAnother(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		began := epoch
		for name, f := range map[string]func(s *sessions.Session){
			"a look": look, "a save": increment, "Renew": func(s *sessions.Session) { s.Renew() }, "Clear": func(s *sessions.Session) { s.Clear() },
		} {
			a.clock.advance(30 * time.Minute)
			c.do(func(s *sessions.Session) {
				f(s)
				equal(t, "Created at "+name, s.Created(), began.UTC())
			})
			c.do(func(s *sessions.Session) { equal(t, "Created after "+name, s.Created(), began.UTC()) })
		}
		for name, f := range map[string]func(s *sessions.Session){
			"Invalidate": func(s *sessions.Session) { s.Invalidate() },
			"Destroy":    func(s *sessions.Session) { s.Destroy(t.Context()) },
			"expiry":     func(s *sessions.Session) { a.clock.advance(time.Hour) },
		} {
			if name == "expiry" {
				f(nil) // before the request
				f = look
			}
			a.clock.advance(time.Minute)
			began = a.clock.Now()
			c.do(func(s *sessions.Session) { f(s); user.Set(s, "ann") })
			a.clock.advance(time.Minute)
			c.do(func(s *sessions.Session) {
				equal(t, "IsNew", s.IsNew(), false)
				equal(t, "Created of the session after "+name, s.Created(), began.UTC())
			})
		}
	})
}

func TestNamesThatAreNotTextAreKeptApart(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		c := st.start(t).client()
		names := []string{"", "\x00", "a", "a\x00", "\xc3", "\xc3\xa4", "\xfe", "\xff", "\ufffd"}
		c.do(func(s *sessions.Session) {
			for i, name := range names {
				s.Set(name, i)
			}
			wantErr(t, "SetOwner", s.SetOwner("\xff\x00"), nil)
		})
		c.do(func(s *sessions.Session) {
			equal(t, "names", len(s.Keys()), len(names))
			for i, name := range names {
				equal(t, "value", s.Get(name), any(int64(i)))
			}
			equal(t, "Owner", s.Owner(), "\xff\x00")
		})
	})
}
