package behaviour

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestCookieIsWrittenAndReadUnderItsNameAndNoOther(t *testing.T) {
	for _, name := range []string{"", "sid"} {
		everywhere(t, func(t *testing.T, st store) {
			a := st.start(t, func(o *sessions.Options) { o.Cookie.Name = name })
			c := a.signedIn()
			equal(t, "user", c.user(), "ann")
			other := a.client()
			for _, n := range []string{"SID", "sid2", "xsid", "Pump-Session", "pump-session2", "x" + c.name()} {
				other.extra = append(other.extra, n+"="+c.token)
			}
			other.isAnonymous("cookies of other names")
		})
	}
}

// attributes is what a Set-Cookie line says beside the value and the expiry.
func attributes(line string) string {
	_, attrs, _ := strings.Cut(line, ";")
	return regexp.MustCompile(`; Expires=[^;]*; Max-Age=\d+$`).ReplaceAllString(";"+attrs, "")
}

// The attributes are the same in every line: a browser takes a cookie with
// another path or domain for another cookie. A plain save of a stored session
// sends no line, lest a late answer overwrite the cookie of a renewal, so the
// lines of a loaded session are those of what changes the cookie.
func TestCookieAttributesAreTheSameWheneverItIsSet(t *testing.T) {
	steps := []struct {
		name string
		do   func(a *app, c *client) answer
	}{
		{"SetExpires of a loaded session", func(a *app, c *client) answer {
			return c.do(func(s *sessions.Session) { s.SetExpires(sessions.ExpireAfter(10 * time.Hour)) })
		}},
		{"rolling expiry due", func(a *app, c *client) answer {
			a.clock.advance(time.Hour)
			return c.do(look)
		}},
		{"Renew", func(a *app, c *client) answer { return c.do(func(s *sessions.Session) { s.Renew() }) }},
		{"Invalidate", func(a *app, c *client) answer { return c.do(func(s *sessions.Session) { s.Invalidate() }) }},
		{"another secret", func(a *app, c *client) answer {
			a.deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret} })
			return c.do(look)
		}},
	}
	for name, test := range map[string]struct {
		cookie sessions.Cookie
		want   string
	}{
		"default":         {sessions.Cookie{}, "; Path=/; HttpOnly; SameSite=Lax"},
		"HttpOnly off":    {sessions.Cookie{DisableHttpOnly: true}, "; Path=/; SameSite=Lax"},
		"SameSite Strict": {sessions.Cookie{SameSite: http.SameSiteStrictMode}, "; Path=/; HttpOnly; SameSite=Strict"},
		"SameSite Lax":    {sessions.Cookie{SameSite: http.SameSiteLaxMode}, "; Path=/; HttpOnly; SameSite=Lax"},
		"SameSite None":   {sessions.Cookie{SameSite: http.SameSiteNoneMode, Secure: true}, "; Path=/; HttpOnly; Secure; SameSite=None"},
		"path, domain":    {sessions.Cookie{Path: "/shop", Domain: "example.org"}, "; Path=/shop; Domain=example.org; HttpOnly; SameSite=Lax"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) {
					o.Cookie = test.cookie
					o.Cookie.Secret = secret
				})
				c := a.client()
				created := c.do(func(s *sessions.Session) { user.Set(s, "ann") })
				equal(t, "attributes when created", attributes(created.line), test.want)
				for _, step := range steps {
					token := c.token
					got := step.do(a, c)
					equal(t, "attributes at: "+step.name, attributes(got.line), test.want)
					if got.cookie == nil || got.cookie.Value == "" {
						t.Fatalf("%s: no live cookie, after %s", step.name, token)
					}
				}
				deleted := c.do(func(s *sessions.Session) { s.Destroy(t.Context()) })
				equal(t, "the deletion", deleted.line,
					"pump-session="+test.want+"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")
			})
		})
	}
}

// The time of the answer counts, not that of the request. The dates are English
// and GMT wherever the clock is.
func TestCookieExpiryCountsFromTheAnswer(t *testing.T) {
	const thinking = 90 * time.Second // between the two
	for name, test := range map[string]struct {
		expires sessions.Expiry
		want    string
	}{
		"with the browser": {sessions.ExpireWithBrowser(), ""},
		"after an hour":    {sessions.ExpireAfter(time.Hour), "; Expires=Fri, 01 Mar 2030 13:01:30 GMT; Max-Age=3600"},
		"after 40 days, over 2^31 ms": {sessions.ExpireAfter(40 * 24 * time.Hour),
			"; Expires=Wed, 10 Apr 2030 12:01:30 GMT; Max-Age=3456000"},
		"after 2 s":   {sessions.ExpireAfter(2 * time.Second), "; Expires=Fri, 01 Mar 2030 12:01:32 GMT; Max-Age=2"},
		"at a moment": {sessions.ExpireAt(epoch.Add(time.Hour)), "; Expires=Fri, 01 Mar 2030 13:00:00 GMT; Max-Age=3510"},
		"never":       {sessions.ExpireNever(), "; Expires=Sat, 05 Apr 2031 12:01:30 GMT; Max-Age=34560000"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.Cookie.Expires = test.expires })
				c := a.client()
				check := func(when string, f func(s *sessions.Session)) {
					t.Helper()
					got := c.do(func(s *sessions.Session) {
						f(s)
						a.clock.advance(thinking)
					})
					a.clock.advance(-thinking)
					equal(t, when, strings.TrimPrefix(got.line, "pump-session="+c.token+"; Path=/; HttpOnly; SameSite=Lax"), test.want)
				}
				check("created", func(s *sessions.Session) { user.Set(s, "ann") })
				check("renewed", func(s *sessions.Session) { s.Renew() })
				check("renewed and saved at once", func(s *sessions.Session) { s.Renew(); s.Save(t.Context()) })
			})
		})
	}
}

func TestDestroyWithoutACookieSendsNone(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		got := a.client().do(func(s *sessions.Session) { user.Set(s, "ann"); s.Destroy(t.Context()) })
		equal(t, "Set-Cookie", got.line, "")
	})
}

func TestUnchangedSessionSendsNoCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) {
			o.IdleTimeout, o.Cookie.Expires = time.Hour, sessions.ExpireWithBrowser()
		})
		c := a.signedIn()
		for range 3 {
			a.calls.since()
			got := c.do(look)
			equal(t, "Set-Cookie", got.line, "")
			equal(t, "writes", a.calls.since("Save", "Touch", "Seal"), 0)
		}
	})
}

func TestPlainSaveOfAStoredSessionSendsNoCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		for name, f := range map[string]func(s *sessions.Session){
			"set":   func(s *sessions.Session) { user.Set(s, "bob") },
			"save":  func(s *sessions.Session) { increment(s); s.Save(t.Context()) },
			"flash": func(s *sessions.Session) { s.AddFlash("hello") },
			"clear": func(s *sessions.Session) { s.Clear() },
		} {
			equal(t, "Set-Cookie of "+name, c.do(f).line, "")
		}
	}, settle)
}
