package sessions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestFindOpensASessionByItsPublicID(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	phone := lifeOf(a, "user:1", "phone")
	var id string
	phone.ok(func(s *sessions.Session) { id = s.ID() })

	s, err := a.m.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := lifeUser.Get(s)
	lifeEqual(t, "user", name, "phone")
	lifeEqual(t, "Owner", s.Owner(), "user:1")
	lifeEqual(t, "ID", s.ID(), id)
	lifeEqual(t, "Token", s.Token(), "")
	lifeError(t, "Renew", s.Renew(), errors.ErrUnsupported)

	lifeUser.Set(s, "renamed")
	lifeError(t, "Save", s.Save(t.Context()), nil)
	lifeEqual(t, "user", phone.user(), "renamed")

	for _, unknown := range []string{"", "x", id[1:], id + "0", strings.ToUpper(id), "../" + id, strings.Repeat("0", 64)} {
		_, err := a.m.Find(t.Context(), unknown)
		lifeError(t, "Find "+unknown, err, sessions.ErrNotFound)
	}

	lifeError(t, "Destroy", s.Destroy(t.Context()), nil)
	lifeEqual(t, "user", phone.user(), "")
	_, err = a.m.Find(t.Context(), id)
	lifeError(t, "Find of a destroyed session", err, sessions.ErrNotFound)

	laptop := lifeOf(a, "user:1", "laptop")
	laptop.ok(func(s *sessions.Session) { id = s.ID() })
	a.clock.advance(time.Hour)
	_, err = a.m.Find(t.Context(), id)
	lifeError(t, "Find of an expired session", err, sessions.ErrNotFound)
}
