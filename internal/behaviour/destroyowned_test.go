package behaviour

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// DestroyOwned ends the sessions of clients that renew them continuously, also when
// another manager on the same store calls it.
func TestDestroyOwnedAgainstClientsThatRenew(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		managers := []*sessions.Manager{a.Manager, a.NewManager()}
		rounds, end := 0, time.Now().Add(time.Second)
		for ; time.Now().Before(end) || rounds < 4; rounds++ {
			owner := fmt.Sprint("user:", rounds) // of its own, or the forwards of all rounds are listed
			s := a.Manager.NewSession()
			testapp.User.Set(s, "ann")
			s.SetOwner(owner)
			if err := s.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			token, running, ended := s.Token(), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for i := 0; t.Context().Err() == nil; i++ {
					s, err := a.Manager.Load(context.Background(), token)
					if err == nil && s.Renew() == nil {
						err = s.Save(context.Background())
					}
					if i == 0 {
						close(running)
					}
					if err != nil {
						return // signed out
					}
					token = s.Token()
				}
			}()
			<-running
			if _, err := managers[rounds%2].DestroyOwned(t.Context(), owner); err != nil {
				t.Fatal(err)
			}
			select { // a renewal that loses withdraws its record, which no client knows
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatalf("round %d: the client is still signed in", rounds)
			}
			for s, err := range managers[0].Owned(t.Context(), owner) {
				t.Fatalf("round %d: a session remains: %v, %v", rounds, s, err)
			}
		}
		t.Logf("%d rounds", rounds)
	}, list)
}
