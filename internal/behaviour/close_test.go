package behaviour

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// reopened returns an app whose managers open the store themselves, so that Close
// closes it.
func (st store) reopened(t *testing.T) (*testapp.App, func() *sessions.Manager) {
	t.Helper()
	a := st.start(t)
	open := func() *sessions.Manager {
		o := a.Options
		o.Driver = a.Store.Driver()
		m, err := sessions.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	return a, open
}

// Close waits for the store calls in progress. A request during Close either succeeds
// and its changes are stored, or fails with 503 and none are.
func TestCloseDuringTrafficDrains(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, open := st.reopened(t)
		m := open()
		a.Serve(m.Wrap(a))
		const clients = 6
		var counted [clients]int
		var tokens [clients]string
		var ready, refused atomic.Int64
		closing := make(chan struct{})
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				c := a.Client()
				for {
					switch got := c.Do(testapp.Increment); got.StatusCode {
					case http.StatusOK:
						counted[i]++
						tokens[i] = c.Token()
						if counted[i] == 10 && ready.Add(1) == clients {
							close(closing)
						}
					case http.StatusServiceUnavailable:
						testapp.Equal(t, "Set-Cookie of a refusal", got.SetCookie, "")
						refused.Add(1)
						return
					default:
						t.Errorf("got %d %q", got.StatusCode, got.Body)
						return
					}
				}
			})
		}
		<-closing
		var closers sync.WaitGroup
		for range 3 { // by several, and more than once
			closers.Go(func() {
				for range 2 {
					testapp.Error(t, "Close", m.Close(), nil)
				}
			})
		}
		closers.Wait()
		all.Wait()
		if refused.Load() != clients {
			t.Errorf("%d of %d clients got the error page", refused.Load(), clients)
		}
		_, err := m.Load(t.Context(), tokens[0])
		testapp.Error(t, "Load", err, sessions.ErrClosed)

		if st.name == "memory" {
			return // the sessions ended with the store
		}
		again := open()
		for i, token := range tokens {
			s, err := again.Load(t.Context(), token)
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				continue
			}
			testapp.Equal(t, "count", s.Get("count"), any(int64(counted[i])))
		}
	})
}
