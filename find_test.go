package sessions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestFindOpensASessionByItsPublicID(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	phone := lifeOf(a, "user:1", "phone")
	var id string
	phone.OK(func(s *sessions.Session) { id = s.ID() })

	s, err := a.Manager.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := testapp.User.Get(s)
	testapp.Equal(t, "user", name, "phone")
	testapp.Equal(t, "Owner", s.Owner(), "user:1")
	testapp.Equal(t, "ID", s.ID(), id)
	testapp.Equal(t, "Token", s.Token(), "")
	testapp.Error(t, "Renew", s.Renew(), errors.ErrUnsupported)

	testapp.User.Set(s, "renamed")
	testapp.Error(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "user", phone.User(), "renamed")

	for _, unknown := range []string{"", "x", id[1:], id + "0", strings.ToUpper(id), "../" + id, strings.Repeat("0", 64)} {
		_, err := a.Manager.Find(t.Context(), unknown)
		testapp.Error(t, "Find "+unknown, err, sessions.ErrNotFound)
	}

	testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil)
	testapp.Equal(t, "user", phone.User(), "")
	_, err = a.Manager.Find(t.Context(), id)
	testapp.Error(t, "Find of a destroyed session", err, sessions.ErrNotFound)

	laptop := lifeOf(a, "user:1", "laptop")
	laptop.OK(func(s *sessions.Session) { id = s.ID() })
	a.Clock.Advance(time.Hour)
	_, err = a.Manager.Find(t.Context(), id)
	testapp.Error(t, "Find of an expired session", err, sessions.ErrNotFound)
}
