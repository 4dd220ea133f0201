package behaviour

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestCookieName(t *testing.T) {
	for _, name := range []string{"", "sid"} {
		everywhere(t, func(t *testing.T, st store) {
			a := st.start(t, func(o *sessions.Options) { o.Cookie.Name = name })
			c := a.SignedIn()
			testapp.Equal(t, "user", c.User(), "ann")
			other := a.Client()
			for _, n := range []string{"SID", "sid2", "xsid", "Pump-Session", "pump-session2", "x" + c.Name()} {
				other.Extra = append(other.Extra, n+"="+c.Token())
			}
			other.IsAnonymous("cookies of other names")
		})
	}
}

// attributes returns the attributes of a Set-Cookie field, except the expiry.
func attributes(line string) string {
	_, attrs, _ := strings.Cut(line, ";")
	return regexp.MustCompile(`; Expires=[^;]*; Max-Age=\d+$`).ReplaceAllString(";"+attrs, "")
}

// The attributes are the same in every Set-Cookie field, since a browser treats a cookie
// with another path or domain as a different one. Saving a loaded session sends no
// field, so that a late response does not overwrite the cookie of a renewal; the
// fields here are of changes to the cookie.
func TestCookieAttributesAreAlwaysTheSame(t *testing.T) {
	steps := []struct {
		name string
		do   func(a *testapp.App, c *testapp.Client) *testapp.Response
	}{
		{"SetExpires of a loaded session", func(a *testapp.App, c *testapp.Client) *testapp.Response {
			return c.OK(func(s *sessions.Session) { s.SetExpires(sessions.ExpireAfter(10 * time.Hour)) })
		}},
		{"rolling expiry due", func(a *testapp.App, c *testapp.Client) *testapp.Response {
			a.Clock.Advance(time.Hour)
			return c.OK(testapp.Look)
		}},
		{"Renew", func(a *testapp.App, c *testapp.Client) *testapp.Response {
			return c.OK(func(s *sessions.Session) { s.Renew() })
		}},
		{"Invalidate", func(a *testapp.App, c *testapp.Client) *testapp.Response {
			return c.OK(func(s *sessions.Session) { s.Invalidate() })
		}},
		{"another secret", func(a *testapp.App, c *testapp.Client) *testapp.Response {
			a.Deploy(func(o *sessions.Options) {
				o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret}
			})
			return c.OK(testapp.Look)
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
				c := a.Client()
				created := c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann") })
				testapp.Equal(t, "attributes when created", attributes(created.SetCookie), test.want)
				for _, step := range steps {
					token := c.Token()
					got := step.do(a, c)
					testapp.Equal(t, "attributes at: "+step.name, attributes(got.SetCookie), test.want)
					if got.Cookie == nil || got.Cookie.Value == "" {
						t.Fatalf("%s: no live cookie, after %s", step.name, token)
					}
				}
				deleted := c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
				testapp.Equal(t, "the deletion", deleted.SetCookie,
					"pump-session="+test.want+"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")
			})
		})
	}
}

// The expiry is counted from the response, not from the request. The dates are in
// English and GMT in every time zone.
func TestCookieExpiryCountsFromTheResponse(t *testing.T) {
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
		"at a moment": {sessions.ExpireAt(testapp.Epoch.Add(time.Hour)), "; Expires=Fri, 01 Mar 2030 13:00:00 GMT; Max-Age=3510"},
		"never":       {sessions.ExpireNever(), "; Expires=Sat, 05 Apr 2031 12:01:30 GMT; Max-Age=34560000"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.Cookie.Expires = test.expires })
				c := a.Client()
				check := func(when string, f func(s *sessions.Session)) {
					t.Helper()
					got := c.OK(func(s *sessions.Session) {
						f(s)
						a.Clock.Advance(thinking)
					})
					a.Clock.Advance(-thinking)
					testapp.Equal(t, when, strings.TrimPrefix(got.SetCookie, "pump-session="+c.Token()+"; Path=/; HttpOnly; SameSite=Lax"), test.want)
				}
				check("created", func(s *sessions.Session) { testapp.User.Set(s, "ann") })
				check("renewed", func(s *sessions.Session) { s.Renew() })
				check("renewed and saved at once", func(s *sessions.Session) { s.Renew(); s.Save(t.Context()) })
			})
		})
	}
}

func TestDestroyWithoutACookieSendsNone(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		got := a.Client().OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.Destroy(t.Context()) })
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
	})
}

func TestUnchangedSessionSendsNoCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) {
			o.IdleTimeout, o.Cookie.Expires = time.Hour, sessions.ExpireWithBrowser()
		})
		c := a.SignedIn()
		for range 3 {
			a.Store.Since()
			got := c.OK(testapp.Look)
			testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
			testapp.Equal(t, "writes", a.Store.Since("Save", "Renew", "Touch", "Seal"), 0)
		}
	})
}

func TestPlainSaveOfAStoredSessionSendsNoCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		for name, f := range map[string]func(s *sessions.Session){
			"set":   func(s *sessions.Session) { testapp.User.Set(s, "bob") },
			"save":  func(s *sessions.Session) { testapp.Increment(s); s.Save(t.Context()) },
			"flash": func(s *sessions.Session) { s.AddFlash("hello") },
			"clear": func(s *sessions.Session) { s.Clear() },
		} {
			testapp.Equal(t, "Set-Cookie of "+name, c.OK(f).SetCookie, "")
		}
	}, stableToken)
}
