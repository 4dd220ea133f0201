package behaviour

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// fleet is an application that runs as several instances behind a load balancer, on
// one store.
type fleet struct {
	a         *testapp.App
	instances [2]atomic.Value // each an http.Handler
	balancer  *httptest.Server
	turn      atomic.Int64
}

func (st store) fleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{a: st.start(t)}
	for i := range f.instances {
		f.deploy(i, secret)
	}
	f.balancer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := f.turn.Add(1) % int64(len(f.instances))
		f.instances[i].Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(f.balancer.Close)
	return f
}

// deploy replaces an instance by one with other secrets. Its requests in progress
// continue.
func (f *fleet) deploy(i int, secret []byte, previous ...[]byte) {
	o := f.a.Options
	o.Cookie.Secret, o.Cookie.PreviousSecrets = secret, previous
	m, err := sessions.New(f.a.T.Context(), o)
	if err != nil {
		f.a.T.Error(err)
		return
	}
	f.a.T.Cleanup(func() { m.Close() })
	f.instances[i].Store(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if r.URL.Path == "/sign-in" {
			testapp.User.Set(s, r.URL.RawQuery)
			return
		}
		name, _ := testapp.User.Get(s)
		testapp.Increment(s)
		io.WriteString(w, name)
	})))
}

// member is a client of the fleet.
type member struct {
	f           *fleet
	name, token string
}

func (m *member) get(path string) string {
	t := m.f.a.T
	r, _ := http.NewRequest("GET", m.f.balancer.URL+path, nil)
	if m.token != "" {
		r.Header.Set("Cookie", "pump-session="+m.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", path, resp.Status, err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == "pump-session" {
			m.token = c.Value
		}
	}
	return string(body)
}

// A secret is rotated instance by instance under load: the new secret is first added
// to all as a previous one, then used by all, and then the old one is removed. No user
// is signed out, and no visit is lost.
func TestSecretRotationUnderLoad(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		f := st.fleet(t)
		members := make([]*member, 6)
		for i := range members {
			members[i] = &member{f: f, name: string(rune('a' + i))}
			members[i].get("/sign-in?" + members[i].name)
		}
		const clicks = 12
		rounds := 0
		during := func(step string, deploy func()) {
			var all sync.WaitGroup
			for _, m := range members {
				all.Go(func() {
					for range clicks {
						if got := m.get("/"); got != m.name {
							t.Errorf("%s: the response to %s is for %q", step, m.name, got)
						}
					}
				})
			}
			all.Go(deploy)
			all.Wait()
			rounds++
		}
		for i := range f.instances {
			during("the new secret is made known", func() { f.deploy(i, secret, secret2) })
		}
		for i := range f.instances {
			during("the new secret is used", func() { f.deploy(i, secret2, secret) })
		}
		during("everybody comes by once", func() {})
		for i := range f.instances {
			during("the old secret is taken away", func() { f.deploy(i, secret2) })
		}
		f.a.Deploy(func(o *sessions.Options) { o.Cookie.Secret = secret2 })
		for _, m := range members {
			s, err := f.a.Manager.Load(t.Context(), m.token)
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
				continue
			}
			testapp.Equal(t, "clicks of "+m.name, s.Get("count"), any(int64(clicks*rounds)))
		}
		f.a.WantRecords(len(members))
	})
}

// This shows why all instances must know the new secret before one uses it.
func TestSecretUnknownToOneInstance(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		f := st.fleet(t)
		m := &member{f: f, name: "ann"}
		m.get("/sign-in?ann")
		f.deploy(0, secret2, secret)
		seen := map[string]bool{}
		for range len(f.instances) + 1 {
			seen[m.get("/")] = true
		}
		if !seen["ann"] || !seen[""] {
			t.Errorf("the responses are for %v, want some anonymous ones", seen)
		}
	})
}

// Two applications on one host may share a secret and a backend. A token of one is not
// valid in the other.
func TestTwoApplicationsWithOneSecret(t *testing.T) {
	for name, other := range map[string]func(o *sessions.Options){
		"under other cookie names":      func(o *sessions.Options) { o.Cookie.Name = "admin-session" },
		"in other namespaces":           func(o *sessions.Options) { o.Namespace = "admin" },
		"under other names, namespaces": func(o *sessions.Options) { o.Cookie.Name, o.Namespace = "admin-session", "admin" },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				shop := st.start(t)
				c := shop.SignedIn()
				shop.Deploy(other)
				shop.Store.Since()
				visitor := shop.Client()
				visitor.Extra = []string{"pump-session=" + c.Token(), "admin-session=" + c.Token()}
				visitor.IsAnonymous("the token of the other application")
				testapp.Equal(t, "loads", shop.Store.Since("Load"), 0)
				_, err := shop.Manager.Load(t.Context(), c.Token())
				testapp.Error(t, "Load", err, sessions.ErrNotFound)
			})
		})
	}
}

// If a deployment changes the type of a value, the old value is treated as missing but
// remains stored, so that a later deployment, or a rollback, can read it.
func TestTypeChangedByADeployment(t *testing.T) {
	type address struct{ Street string }
	type place struct{ Street []int }
	const (
		before sessions.Key[address] = "address"
		after  sessions.Key[place]   = "address"
	)
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) { before.Set(s, address{"Elm"}) })
		a.Deploy(nil)
		for range 2 {
			c.OK(func(s *sessions.Session) {
				if v, ok := after.Get(s); ok || v.Street != nil {
					t.Errorf("the old value was read as %v", v)
				}
				testapp.Equal(t, "user", s.Get("user"), any("ann"))
				testapp.Error(t, "Decode", s.Decode("address", new(place)), sessions.ErrInvalidValue)
				testapp.Increment(s)
			})
		}
		c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
			after.Update(s, func(place) place { return place{[]int{1}} })
		})
		a.Deploy(nil) // a rollback
		c.OK(func(s *sessions.Session) {
			v, ok := before.Get(s)
			testapp.Equal(t, "the value", v, address{"Elm"})
			testapp.Equal(t, "found", ok, true)
			testapp.Equal(t, "count", s.Get("count"), any(int64(2)))
		})
		c.OK(func(s *sessions.Session) { after.Set(s, place{[]int{7}}) }) // or the new one sets it
		c.OK(func(s *sessions.Session) {
			v, _ := after.Get(s)
			testapp.Equal(t, "the value", v, place{[]int{7}})
		})
	})
}
