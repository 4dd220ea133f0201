package sessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
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
			c := testapp.New(t).Client()
			c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
				set(s)
				testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrInvalidValue)
				testapp.Equal(t, "changed", s.Has("v"), false)
			})
		})
	}
	// Any type may be what an interface without methods holds.
	c := testapp.New(t).Client()
	c.OK(func(s *sessions.Session) { sessions.Key[any]("v").Set(s, time.Second) })
}

// Decode gives the reason that Get writes to the log.
func TestKeyDecodeReturnsTheReason(t *testing.T) {
	const number sessions.Key[int] = "v"
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		_, err := number.Decode(s)
		testapp.Error(t, "no value", err, sessions.ErrNoValue)
		s.Set("v", "text")
	})
	before := a.Log.String()
	c.OK(func(s *sessions.Session) {
		got, err := number.Decode(s)
		testapp.Error(t, "another type", err, sessions.ErrInvalidValue)
		testapp.Equal(t, "value", got, 0)
		text, err := sessions.Key[string]("v").Decode(s)
		testapp.Error(t, "its type", err, nil)
		testapp.Equal(t, "value", text, "text")
		number.Set(s, 5)
		got, err = number.Decode(s)
		testapp.Error(t, "once it is set", err, nil)
		testapp.Equal(t, "value", got, 5)
	})
	if strings.Contains(strings.TrimPrefix(a.Log.String(), before), "does not fit") {
		t.Errorf("the log has:\n%s", a.Log)
	}
	// A session that cannot be loaded is not one without the value.
	a.Store.Down()
	c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		_, err := number.Decode(s)
		testapp.Error(t, "Key.Decode", err, s.Err())
		testapp.Error(t, "Session.Decode", s.Decode("v", new(int)), s.Err())
	})
}
