package gintest

import (
	"net/http"
	"strings"
	"testing"

	ginsessions "github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
	"github.com/pump-go/sessions/gorillasessions/internal/judges"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// The tests that gin-contrib/sessions has for stores pass. Its test of options is
// not among them: it asks for a SameSite and a Path of its own in one session, which
// are refused here; see TestRefusedOptions.
func TestTester(t *testing.T) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) ginsessions.Store){
		"GetSet":    func(t *testing.T, f func(*testing.T) ginsessions.Store) { tester.GetSet(t, f) },
		"DeleteKey": func(t *testing.T, f func(*testing.T) ginsessions.Store) { tester.DeleteKey(t, f) },
		"Flashes":   func(t *testing.T, f func(*testing.T) ginsessions.Store) { tester.Flashes(t, f) },
		"Clear":     func(t *testing.T, f func(*testing.T) ginsessions.Store) { tester.Clear(t, f) },
		"Many":      func(t *testing.T, f func(*testing.T) ginsessions.Store) { tester.Many(t, f) },
	} {
		t.Run(name, func(t *testing.T) {
			judges.Each(t, func(t *testing.T, m *sessions.Manager) {
				test(t, func(*testing.T) ginsessions.Store { return gorillasessions.NewGin[ginsessions.Options](m) })
			})
		})
	}
}

// What the tests of gin-contrib/sessions do, by a client that keeps its cookies.
func TestProgram(t *testing.T) {
	judges.EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		store := gorillasessions.NewGin[ginsessions.Options](m)
		store.Options(ginsessions.Options{MaxAge: 3600, HttpOnly: true})
		e := gin.New()
		e.Use(ginsessions.SessionsMany([]string{"app", "other"}, store))
		handle := func(path string, f func(s, other ginsessions.Session) any) {
			e.GET(path, func(c *gin.Context) {
				s, other := ginsessions.DefaultMany(c, "app"), ginsessions.DefaultMany(c, "other")
				answer := f(s, other)
				if err := s.Save(); err != nil {
					c.String(http.StatusInternalServerError, "%v", err)
					return
				}
				if err := other.Save(); err != nil {
					c.String(http.StatusInternalServerError, "%v", err)
					return
				}
				c.String(http.StatusOK, "%#v", answer)
			})
		}
		handle("/set", func(s, other ginsessions.Session) any {
			s.Set("n", 7)
			s.Set(8, "eight")
			other.Set("n", "other's")
			return nil
		})
		handle("/get", func(s, other ginsessions.Session) any { return []any{s.Get("n"), s.Get(8), other.Get("n")} })
		handle("/delete", func(s, _ ginsessions.Session) any { s.Delete(8); return nil })
		handle("/add", func(s, _ ginsessions.Session) any { s.AddFlash("saved"); s.AddFlash(9); return nil })
		handle("/flashes", func(s, _ ginsessions.Session) any { return s.Flashes() })
		handle("/clear", func(s, _ ginsessions.Session) any { s.Clear(); return nil })
		handle("/sign-out", func(s, _ ginsessions.Session) any {
			s.Clear()
			s.Options(ginsessions.Options{Path: "/", MaxAge: -1})
			return nil
		})
		handle("/sign-out/other", func(_, other ginsessions.Session) any {
			other.Options(ginsessions.Options{MaxAge: -1})
			return nil
		})
		b := judges.NewBrowser(t, mount(e))
		resp, body := b.Get("/set")
		if c := resp.Cookies(); len(c) != 1 || c[0].MaxAge != 3600 {
			t.Errorf("cookies: %v: %s", c, body)
		}
		for _, step := range []struct{ path, want string }{
			{"/get", `[]interface {}{7, "eight", "other's"}`},
			{"/delete", "<nil>"},
			{"/get", `[]interface {}{7, interface {}(nil), "other's"}`},
			{"/add", "<nil>"},
			{"/flashes", `[]interface {}{"saved", 9}`},
			{"/flashes", `[]interface {}(nil)`},
			{"/sign-out", "<nil>"},
			{"/get", `[]interface {}{interface {}(nil), interface {}(nil), "other's"}`},
			{"/set", "<nil>"},
			{"/clear", "<nil>"},
			{"/get", `[]interface {}{interface {}(nil), interface {}(nil), "other's"}`},
			{"/sign-out/other", "<nil>"},
			{"/get", `[]interface {}{interface {}(nil), interface {}(nil), interface {}(nil)}`},
		} {
			if got := b.Body(step.path); got != step.want {
				t.Errorf("%s: %s, not %s", step.path, got, step.want)
			}
		}
	})
}

// Options that the manager's cookie does not have are an error of Save, and no
// cookie is sent.
func TestRefusedOptions(t *testing.T) {
	judges.EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		e := gin.New()
		e.Use(ginsessions.Sessions("app", gorillasessions.NewGin[ginsessions.Options](m)))
		e.GET("/", func(c *gin.Context) {
			s := ginsessions.Default(c)
			s.Set("user", "ann")
			s.Options(ginsessions.Options{SameSite: http.SameSiteStrictMode, Path: "/foo/bar/bat"})
			err := s.Save()
			c.String(http.StatusOK, "%v", err)
		})
		b := judges.NewBrowser(t, mount(e))
		got := b.Body("/")
		if !strings.Contains(got, "SameSite") || !strings.Contains(got, "/foo/bar/bat") || len(b.Cookies()) > 0 {
			t.Errorf("%s, %v", got, b.Cookies())
		}
	})
}

// A sign-in changes the session's ID, as the page of gin-contrib/sessions shows it.
func TestSignIn(t *testing.T) {
	judges.EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		store := gorillasessions.NewGin[ginsessions.Options](m)
		e := gin.New()
		e.Use(ginsessions.Sessions("app", store))
		e.GET("/visit", func(c *gin.Context) {
			s := ginsessions.Default(c)
			s.Set("visited", true)
			if err := s.Save(); err != nil {
				c.Status(http.StatusInternalServerError)
			}
		})
		e.GET("/sign-in", func(c *gin.Context) {
			s := ginsessions.Default(c)
			s.Set("user", "ann")
			if err := gorillasessions.SignIn(underlying(s), "user:ann"); err != nil {
				c.String(http.StatusInternalServerError, "%v", err)
				return
			}
			if err := s.Save(); err != nil {
				c.String(http.StatusInternalServerError, "%v", err)
			}
		})
		e.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "%v", ginsessions.Default(c).Get("user")) })
		b := judges.NewBrowser(t, mount(e))
		b.Body("/visit")
		planted := b.Copy()
		b.Body("/sign-in")
		if got, old := b.Body("/"), planted.Body("/"); got != "ann" || old != "<nil>" {
			t.Errorf("the user is %s; with the old cookie %s", got, old)
		}
	})
}

// underlying returns the session of gorilla/sessions in one of gin-contrib/sessions.
func underlying(s ginsessions.Session) *gorilla.Session {
	return s.(interface{ Session() *gorilla.Session }).Session()
}
