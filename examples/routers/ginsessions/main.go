// Gin-contrib: a program written for github.com/gin-contrib/sessions, with this
// library as its store.
//
//	go run ./ginsessions    # then open http://127.0.0.1:8080
//
// The handlers call Get, Set, AddFlash and Save as before. m.Wrap goes around the
// engine as it does in the example gin, whose notes apply here too. New in it are:
//
//   - begin, which gives the session a new ID and an owner.
//   - The visits, which a handler counts with a Key of this library in the same
//     session: Update is exact in parallel requests. Get and Set are not, even though
//     they keep parallel changes of other values.
package main

import (
	"context"
	"log"
	"net/http"

	ginsessions "github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
	_ "github.com/pump-go/sessions/memory"

	"github.com/pump-go/sessions/examples/routers/internal/page"
)

const visits sessions.Key[int] = "visits"

func main() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	err = http.ListenAndServe("127.0.0.1:8080", m.Wrap(routes(m)))
	m.Close()
	log.Fatal(err)
}

func routes(m *sessions.Manager) *gin.Engine {
	e := gin.New()
	e.Use(gin.Logger(), gin.CustomRecovery(recovered))
	e.Use(ginsessions.Sessions("app", gorillasessions.NewGin[ginsessions.Options](m)))
	e.GET("/", home)
	e.POST("/sign-in", signIn)
	e.POST("/sign-out", signOut)
	return e
}

func recovered(c *gin.Context, _ any) {
	sessions.FromContext(c.Request.Context()).Revert()
	c.AbortWithStatus(http.StatusInternalServerError)
}

func home(c *gin.Context) {
	s := ginsessions.Default(c)
	name, _ := s.Get("user").(string)
	var messages []string
	for _, flash := range s.Flashes() {
		messages = append(messages, flash.(string))
	}
	if !saved(c, s) {
		return
	}
	n := visits.Update(sessions.FromContext(c.Request.Context()), func(n int) int { return n + 1 })
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(page.Home(name, n, messages)))
}

func signIn(c *gin.Context) {
	s, name := ginsessions.Default(c), c.PostForm("name") // a real program checks a password here
	s.Set("user", name)
	s.AddFlash("Hello, " + name + ".")
	if err := begin(s, "user:"+name); err != nil {
		c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	if saved(c, s) {
		c.Redirect(http.StatusSeeOther, "/")
	}
}

// begin gives the session a new ID and the owner, with the next Save.
func begin(s ginsessions.Session, owner string) error {
	return gorillasessions.SignIn(s.(interface{ Session() *gorilla.Session }).Session(), owner)
}

func signOut(c *gin.Context) {
	// All values go, the visits too. Options{MaxAge: -1} would end the values of "app"
	// alone, since there are others.
	sessions.FromContext(c.Request.Context()).Destroy(c.Request.Context())
	s := ginsessions.Default(c)
	s.AddFlash("Goodbye.")
	if saved(c, s) {
		c.Redirect(http.StatusSeeOther, "/")
	}
}

// saved reports whether the session could be saved. If not, m.Wrap sends the error
// page in place of this response.
func saved(c *gin.Context, s ginsessions.Session) bool {
	err := s.Save()
	if err != nil {
		c.AbortWithError(http.StatusInternalServerError, err)
	}
	return err == nil
}
