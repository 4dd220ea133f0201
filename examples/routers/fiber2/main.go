// Fiber 2: sessions for the handlers of Fiber's version 2.
//
//	go run ./fiber2    # then open http://127.0.0.1:8080
//
// The session is in c.UserContext(). The notes of the example fiber, for version 3,
// apply to version 2 too.
package main

import (
	"context"
	"log"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/logger"
	"github.com/gofiber/fiber/v2/middleware/recover"

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
	err = routes(m).Listen("127.0.0.1:8080")
	m.Close()
	log.Fatal(err)
}

func routes(m *sessions.Manager) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(logger.New(), recover.New(), withSession(m))
	app.Get("/", home)
	app.Post("/sign-in", signIn)
	app.Post("/sign-out", signOut)
	return app
}

func session(c *fiber.Ctx) *sessions.Session { return sessions.FromContext(c.UserContext()) }

func home(c *fiber.Ctx) error {
	s := session(c)
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	return c.Type("html", "utf-8").SendString(page.Home(name, n, s.Flashes()))
}

func signIn(c *fiber.Ctx) error {
	s, name := session(c), c.FormValue("name") // a real program checks a password here
	s.Renew()                                  // any earlier ID stops working
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	return c.Redirect("/", fiber.StatusSeeOther)
}

func signOut(c *fiber.Ctx) error {
	s := session(c)
	s.Destroy(c.UserContext()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	return c.Redirect("/", fiber.StatusSeeOther)
}
