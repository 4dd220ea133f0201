// Gin: sessions around a gin engine.
//
//	go run ./gin    # then open http://127.0.0.1:8080
//
// The engine is an http.Handler, and m.Wrap goes around it: serve the result with
// net/http, not with Engine.Run, which would bypass it.
//
// Notes on gin:
//
//   - The session is in the request's context: FromContext(c.Request.Context()).
//     FromContext(c) finds none, unless Engine.ContextWithFallback is set.
//   - gin.Recovery is inside m.Wrap and would hide a panic from it, so that the
//     request's changes before the panic would be saved. The recovery below reverts
//     the session first.
//   - gin.Logger is inside too. If a session cannot be saved, the client gets 503 but
//     the log has the handler's status; the library logs the failure.
//   - A gin.Context is reused for another request after the handler returns. A
//     goroutine that outlives the handler must use the session instead (or
//     Context.Copy), and call Save, since the response has been sent.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

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
	err = http.ListenAndServe("127.0.0.1:8080", m.Wrap(routes()))
	m.Close()
	log.Fatal(err)
}

func routes() *gin.Engine {
	e := gin.New()
	e.Use(gin.Logger(), gin.CustomRecovery(recovered))
	e.GET("/", home)
	e.POST("/sign-in", signIn)
	e.POST("/sign-out", signOut)
	return e
}

func recovered(c *gin.Context, _ any) {
	session(c).Revert()
	c.AbortWithStatus(http.StatusInternalServerError)
}

func session(c *gin.Context) *sessions.Session { return sessions.FromContext(c.Request.Context()) }

func home(c *gin.Context) {
	s := session(c)
	n := visits.Update(s, func(n int) int { return n + 1 })
	name, _ := user.Get(s)
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(page.Home(name, n, s.Flashes())))
}

func signIn(c *gin.Context) {
	s, name := session(c), c.PostForm("name") // a real program checks a password here
	s.Renew()                                 // any earlier ID stops working
	user.Set(s, name)
	s.SetOwner("user:" + name) // so that DestroyOwned finds the user's sessions
	s.AddFlash("Hello, " + name + ".")
	c.Redirect(http.StatusSeeOther, "/")
}

func signOut(c *gin.Context) {
	s := session(c)
	s.Destroy(c.Request.Context()) // if the store fails, the client gets the error page
	s.AddFlash("Goodbye.")
	c.Redirect(http.StatusSeeOther, "/")
}
