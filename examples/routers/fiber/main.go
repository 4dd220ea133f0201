// Fiber: sessions for Fiber's own handlers, and for net/http's under Fiber.
//
//	go run ./fiber    # then open http://127.0.0.1:8080
//
// Fiber is on fasthttp, not on net/http, and cannot take a net/http middleware:
// adaptor.HTTPMiddleware(m.Wrap) lets Wrap return, and so commit, before the
// next handler begins, and hands it no session; nor does adaptor.FiberApp carry
// the request's context into the app. What works is withSession, in session.go.
//
// What to know of it:
//
//   - The session is in c.Context(): FromContext(c.Context()). FromContext(c) finds
//     none.
//   - The answer leaves when all handlers have returned, and so the session is
//     committed after all of them. An error that a handler returns undoes
//     nothing; call Session.Revert where it should.
//   - recover.New goes in front of withSession, so that a panic saves nothing.
//     Without it a panic ends the whole program: fasthttp recovers none.
//   - c.SendStreamWriter writes after the commit: there, changes need a Save, and
//     what would need a cookie fails with ErrHeaderSent.
//   - Fiber does not tell that the client has gone. Store calls are bounded by
//     Options.StoreTimeout alone.
//   - Strings that Fiber hands out (c.Params, c.FormValue) change when the handler
//     has returned. A session encodes its values before, at the commit; what a
//     stream or a goroutine sets needs strings.Clone, or fiber.Config.Immutable.
//
// For handlers of net/http see mount.go.
package main

import (
	"context"
	"log"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/logger"
	"github.com/gofiber/fiber/v3/middleware/recover"

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
	log.Fatal(routes(m).Listen("127.0.0.1:8080"))
}

func routes(m *sessions.Manager) *fiber.App {
	app := fiber.New()
	app.Use(logger.New(), recover.New(), withSession(m))
	app.Get("/", home)
	app.Post("/login", login)
	app.Post("/logout", logout)
	return app
}

func session(c fiber.Ctx) *sessions.Session { return sessions.FromContext(c.Context()) }

func home(c fiber.Ctx) error {
	s := session(c)
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	return c.Type("html", "utf-8").SendString(page.Home(name, n, s.Flashes()))
}

func login(c fiber.Ctx) error {
	s, name := session(c), c.FormValue("name") // a real program checks a password here
	s.Renew()                                  // an id that was seen before is worth nothing now
	user.Set(s, name)
	s.AddFlash("Hello, " + name + ".")
	return c.Redirect().Status(fiber.StatusSeeOther).To("/")
}

func logout(c fiber.Ctx) error {
	s := session(c)
	s.Destroy(c.Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	return c.Redirect().Status(fiber.StatusSeeOther).To("/")
}
