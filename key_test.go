package sessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// An interface with methods can be encoded, by what it holds, and never decoded.
// So it is refused before it is lost.
func TestAKeyOfAnInterfaceWithMethodsIsRefused(t *testing.T) {
	const key sessions.Key[fmt.Stringer] = "v"
	for name, set := range map[string]func(s *sessions.Session){
		"Set":       func(s *sessions.Session) { key.Set(s, time.Second) },
		"Set(nil)":  func(s *sessions.Session) { key.Set(s, nil) },
		"Update":    func(s *sessions.Session) { key.Update(s, func(fmt.Stringer) fmt.Stringer { return time.Second }) },
		"Flash.Add": func(s *sessions.Session) { sessions.Flash[error]("v").Add(s, errors.New("e")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newLife(t).client()
			c.fails(http.StatusInternalServerError, func(s *sessions.Session) {
				set(s)
				lifeError(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
				lifeEqual(t, "changed", s.Has("v"), false)
			})
		})
	}
	// Any type may be what an interface without methods holds.
	c := newLife(t).client()
	c.ok(func(s *sessions.Session) { sessions.Key[any]("v").Set(s, time.Second) })
}
