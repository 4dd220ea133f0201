// Echo: sessions in an echo app, version 5.
//
//	go run ./echo    # then open http://127.0.0.1:8080
//
// Notes on echo:
//
//   - Use middleware.Recover before withSession, so that a panic saves nothing; after
//     it, it would hide the panic. For the same reason withSession is better than
//     m.Wrap(e) around the whole app.
//   - echo.WrapMiddleware(m.Wrap) works too, but leaves the inner response in the
//     context, so that RequestLogger logs the handler's status (200) even if the
//     client got the error page (503). withSession restores the outer response.
//   - An error returned by a handler becomes a response after the commit, and does not
//     discard changes; call Session.Revert if it should.
//   - Do not keep an *echo.Response from middleware before withSession: writing to it
//     bypasses the commit. Use c.Response().
//   - An echo.Context is reused for another request after the handler returns. A
//     goroutine that outlives the handler must use the session instead, and call
//     Save, since the response has been sent.
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
	err = http.ListenAndServe("127.0.0.1:8080", routes(m))
	m.Close()
	log.Fatal(err)
}

func routes(m *sessions.Manager) *echo.Echo {
	e := echo.New()
	e.Use(middleware.RequestLogger(), middleware.Recover(), withSession(m))
	e.GET("/", home)
	e.POST("/sign-in", signIn)
	e.POST("/sign-out", signOut)
	return e
}

// withSession adds the session to the request's context. The response passed to the
// handlers after it commits the session before the header is sent.
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

func signIn(c *echo.Context) error {
	s, name := session(c), c.FormValue("name") // a real program checks a password here
	s.Renew()                                  // any earlier ID stops working
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	return c.Redirect(http.StatusSeeOther, "/")
}

func signOut(c *echo.Context) error {
	s := session(c)
	s.Destroy(c.Request().Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	return c.Redirect(http.StatusSeeOther, "/")
}
