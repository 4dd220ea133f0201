package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestSessionCreatedOutsideARequest(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 90*time.Minute })
		s := a.Manager.NewSession()
		testapp.Equal(t, "IsNew", s.IsNew(), true)
		testapp.User.Set(s, "ann")
		if err := s.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		loaded, err := a.Manager.Load(t.Context(), s.Token())
		if err != nil {
			t.Fatal(err)
		}
		ctx := sessions.NewContext(t.Context(), loaded)
		testapp.Equal(t, "user", sessions.FromContext(ctx).Get("user"), any("ann"))
		if a.Manager.FromContext(ctx) != loaded {
			t.Error("the manager does not find the session")
		}
		testapp.Equal(t, "Deadline", loaded.Deadline(), testapp.Epoch.UTC().Add(time.Hour))
		a.Clock.Advance(50 * time.Minute)
		if loaded, err = a.Manager.Load(t.Context(), s.Token()); err != nil {
			t.Fatal(err)
		}
		testapp.Equal(t, "Deadline by the Lifetime", loaded.Deadline(), testapp.Epoch.UTC().Add(90*time.Minute))
	})
}
