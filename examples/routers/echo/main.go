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
	e.Use(middleware.RequestLogger(), middleware.Recover(), echo.WrapMiddleware(m.Wrap))
	e.GET("/", home)
	e.POST("/login", login)
	e.POST("/logout", logout)
	return e
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
