// Echo: sessions in an echo app, version 5.
//
//	go run ./echo    # then open http://127.0.0.1:8080
//
// What to know of echo:
//
//   - middleware.Recover goes in front of the sessions, so that a panic saves
//     nothing; behind them, it would hide the panic. So m.Wrap(e), around the whole
//     app, is second best.
//   - echo.WrapMiddleware(m.Wrap) works too. But it leaves the inner response in the
//     context, and so RequestLogger tells the status that the handler meant (200)
//     where the client got the error page (503). withSession puts it back.
//   - An error that a handler returns becomes an answer after the commit, and
//     undoes nothing; call Session.Revert where it should.
//   - Keep no *echo.Response from before the sessions, or from middleware in front
//     of them: what is written to it passes the commit by. Use c.Response().
//   - An echo.Context is used again for another request when the handler returns. A
//     goroutine that goes on takes the session with it, not the context, and calls
//     Save: the response has left by then.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"

	"github.com/pump-go/sessions/examples/routers/internal/page"
)

const (
	user   sessions.Key[string] = "user"
	visits sessions.Key[int]    = "visits"
)

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", routes(m)))
}

func routes(m *sessions.Manager) *echo.Echo {
	e := echo.New()
	e.Use(middleware.RequestLogger(), middleware.Recover(), withSession(m))
	e.GET("/", home)
	e.POST("/login", login)
	e.POST("/logout", logout)
	return e
}

// withSession gives the handlers after it their session, in the request's
// context. The response that they see commits it before the header leaves.
func withSession(m *sessions.Manager) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			outer := c.Response()
			defer c.SetResponse(outer)
			m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				c.SetResponse(echo.NewResponse(w, c.Logger()))
				err = next(c)
			})).ServeHTTP(outer, c.Request())
			return err
		}
	}
}

func session(c *echo.Context) *sessions.Session { return sessions.FromContext(c.Request().Context()) }

func home(c *echo.Context) error {
	s := session(c)
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	return c.HTML(http.StatusOK, page.Home(name, n, s.Flashes()))
}

func login(c *echo.Context) error {
	s, name := session(c), c.FormValue("name") // a real program checks a password here
	s.Renew()                                  // an id that was seen before is worth nothing now
	user.Set(s, name)
	s.AddFlash("Hello, " + name + ".")
	return c.Redirect(http.StatusSeeOther, "/")
}

func logout(c *echo.Context) error {
	s := session(c)
	s.Destroy(c.Request().Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	return c.Redirect(http.StatusSeeOther, "/")
}
