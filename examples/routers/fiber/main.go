// Fiber: sessions for Fiber's own handlers, and for net/http's under Fiber.
//
//	go run ./fiber    # then open http://127.0.0.1:8080
//
// Fiber uses fasthttp rather than net/http, and net/http middleware does not work:
// with adaptor.HTTPMiddleware(m.Wrap), Wrap returns and commits before the next
// handler starts, and the handler has no session; adaptor.FiberApp does not pass the
// request's context to the app. Use withSession in session.go instead.
//
// Notes:
//
//   - The session is in c.Context(): call FromContext(c.Context()). FromContext(c)
//     does not find it.
//   - The response is sent, and the session committed, after all handlers have
//     returned. An error returned by a handler does not discard changes; call
//     Session.Revert if it should.
//   - Use recover.New before withSession, so that a panic saves nothing. Without it a
//     panic ends the program, since fasthttp does not recover.
//   - c.SendStreamWriter writes after the commit: changes there need a Save, and a
//     change that needs a cookie fails with ErrHeaderSent.
//   - Fiber does not report that the client has disconnected. Only
//     Options.StoreTimeout limits store calls.
//   - Strings from Fiber (c.Params, c.FormValue) change after the handler returns. The
//     commit encodes the session's values before that; values set in a stream or a
//     goroutine need strings.Clone, or fiber.Config.Immutable.
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
	err = routes(m).Listen("127.0.0.1:8080")
	m.Close()
	log.Fatal(err)
}

func routes(m *sessions.Manager) *fiber.App {
	app := fiber.New()
	app.Use(logger.New(), recover.New(), withSession(m))
	app.Get("/", home)
	app.Post("/sign-in", signIn)
	app.Post("/sign-out", signOut)
	return app
}

func session(c fiber.Ctx) *sessions.Session { return sessions.FromContext(c.Context()) }

func home(c fiber.Ctx) error {
	s := session(c)
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	return c.Type("html", "utf-8").SendString(page.Home(name, n, s.Flashes()))
}

func signIn(c fiber.Ctx) error {
	s, name := session(c), c.FormValue("name") // a real program checks a password here
	s.Renew()                                  // any earlier ID stops working
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	return c.Redirect().Status(fiber.StatusSeeOther).To("/")
}

func signOut(c fiber.Ctx) error {
	s := session(c)
	s.Destroy(c.Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	return c.Redirect().Status(fiber.StatusSeeOther).To("/")
}
