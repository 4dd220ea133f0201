package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestASessionMadeOutsideARequest(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 90*time.Minute })
		s := a.m.NewSession()
		equal(t, "IsNew", s.IsNew(), true)
		user.Set(s, "ann")
		if err := s.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		loaded, err := a.m.Load(t.Context(), s.Token())
		if err != nil {
			t.Fatal(err)
		}
		ctx := sessions.NewContext(t.Context(), loaded)
		equal(t, "user", sessions.FromContext(ctx).Get("user"), any("ann"))
		if a.m.FromContext(ctx) != loaded {
			t.Error("the manager does not find its session")
		}
		equal(t, "Deadline", loaded.Deadline(), epoch.UTC().Add(time.Hour))
		a.clock.advance(50 * time.Minute)
		if loaded, err = a.m.Load(t.Context(), s.Token()); err != nil {
			t.Fatal(err)
		}
		equal(t, "Deadline by the Lifetime", loaded.Deadline(), epoch.UTC().Add(90*time.Minute))
	})
}
