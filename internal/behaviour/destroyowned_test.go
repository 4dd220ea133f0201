package behaviour

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Clients that renew their sessions all the time do not escape a DestroyOwned,
// neither of their own manager nor of another on the same store.
func TestDestroyOwnedAgainstClientsThatRenew(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		managers := []*sessions.Manager{a.Manager, a.NewManager()}
		rounds, end := 0, time.Now().Add(time.Second)
		for ; time.Now().Before(end) || rounds < 4; rounds++ {
			s := a.Manager.NewSession()
			testapp.User.Set(s, "ann")
			s.SetOwner("ann")
			if err := s.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			token, running := s.Token(), make(chan struct{})
			var client sync.WaitGroup
			client.Go(func() {
				for i := 0; ; i++ {
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
			})
			<-running
			if _, err := managers[rounds%2].DestroyOwned(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
			client.Wait() // a renewal that loses withdraws its record, which no client knows
			for s, err := range managers[0].Owned(t.Context(), "ann") {
				t.Fatalf("round %d: a session is left: %v, %v", rounds, s, err)
			}
		}
		t.Logf("%d rounds", rounds)
	}, list)
}
