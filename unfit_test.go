package sessions_test

import (
	"errors"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A value that does not fit its type any more is logged by its name and its
// type. What it is, nobody reads there, whichever type complains of it.
func TestNoValueIsLogged(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.Set("password", "hunter2")
		s.Set("card", int64(4111111111111111))
		s.Set("notes", map[string]string{"a": "hunter2"})
		s.AddFlash("hunter2")
	})
	for name, f := range map[string]func(s *sessions.Session){
		"int":            func(s *sessions.Session) { sessions.Key[int]("password").Get(s) },
		"time":           func(s *sessions.Session) { sessions.Key[time.Time]("password").Get(s) },
		"address":        func(s *sessions.Session) { sessions.Key[netip.Addr]("password").Get(s) },
		"big number":     func(s *sessions.Session) { sessions.Key[*big.Int]("password").Get(s) },
		"small number":   func(s *sessions.Session) { sessions.Key[int8]("card").Get(s) },
		"inside":         func(s *sessions.Session) { sessions.Key[map[string]time.Time]("notes").Get(s) },
		"struct":         func(s *sessions.Session) { sessions.Key[struct{ A time.Time }]("notes").Get(s) },
		"flash":          func(s *sessions.Session) { sessions.Flash[netip.Addr]("flash").Peek(s) },
		"Decode, logged": func(s *sessions.Session) { a.Options.Logger.Info("", "error", s.Decode("password", new(time.Time))) },
	} {
		before := len(a.Log.String())
		c.OK(f)
		if len(a.Log.String()) == before {
			t.Errorf("%s: nothing is logged", name)
		}
	}
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		sessions.Key[netip.Addr]("password").Update(s, func(a netip.Addr) netip.Addr { return a })
	})
	for _, value := range []string{"hunter2", "4111"} {
		if log := a.Log.String(); strings.Contains(log, value) {
			t.Errorf("the log tells %s:\n%s", value, log)
		}
	}
	// The program may know: it is its own value.
	c.OK(func(s *sessions.Session) {
		var kind *cbor.UnmarshalTypeError
		if err := s.Decode("password", new(int)); !errors.As(err, &kind) || !errors.Is(err, sessions.ErrInvalidValue) {
			t.Errorf("Decode: %v", err)
		}
	})
}
