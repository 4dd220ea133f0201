package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// newOwnedClient returns a client of the owner, with the name as its user.
func newOwnedClient(a *testapp.App, owner, name string) *testapp.Client {
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.User.Set(s, name); s.SetOwner(owner) })
	return c
}

// ownedUsers returns the users of the owner's sessions, sorted.
func ownedUsers(a *testapp.App, owner string) []string {
	a.T.Helper()
	var names []string
	for s, err := range a.Manager.Owned(a.T.Context(), owner) {
		if err != nil {
			a.T.Error(err)
			continue
		}
		name, _ := testapp.User.Get(s)
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestOwned(t *testing.T) {
	a := testapp.New(t)
	hostile := "user:1\x00\xff'; DROP"
	newOwnedClient(a, "user:1", "laptop")
	phone := newOwnedClient(a, "user:1", "phone")
	newOwnedClient(a, "user:12", "other")
	newOwnedClient(a, "USER:1", "upper case")
	newOwnedClient(a, hostile, "hostile")
	newOwnedClient(a, strings.Repeat("o", 255), "long")
	a.SignedIn()
	testapp.Equal(t, "Owned", ownedUsers(a, "user:1"), []string{"laptop", "phone"})
	testapp.Equal(t, "Owned by a hostile name", ownedUsers(a, hostile), []string{"hostile"})
	testapp.Equal(t, "Owned by a long name", ownedUsers(a, strings.Repeat("o", 255)), []string{"long"})
	testapp.Equal(t, "Owned by nobody", len(ownedUsers(a, "")), 0)

	phone.OK(func(s *sessions.Session) {
		testapp.Equal(t, "Owner", s.Owner(), "user:1")
		s.SetOwner("user:12")
		testapp.Equal(t, "Owner", s.Owner(), "user:12")
	})
	testapp.Equal(t, "Owned after a change", ownedUsers(a, "user:1"), []string{"laptop"})
	testapp.Equal(t, "Owned by the next owner", ownedUsers(a, "user:12"), []string{"other", "phone"})
	phone.OK(func(s *sessions.Session) { s.SetOwner("") })
	testapp.Equal(t, "Owned after signing out", ownedUsers(a, "user:12"), []string{"other"})
}

func TestOwnerTooLong(t *testing.T) {
	a := testapp.New(t)
	c := newOwnedClient(a, "user:1", "ann")
	c.OK(func(s *sessions.Session) {
		if err := s.SetOwner(strings.Repeat("o", 256)); err == nil {
			t.Error("SetOwner accepted 256 bytes")
		}
		testapp.Equal(t, "Owner", s.Owner(), "user:1")
	})
	testapp.Equal(t, "Owned", ownedUsers(a, "user:1"), []string{"ann"})
}

func TestOwnerAloneIsStored(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { s.SetOwner("user:1") })
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Owner", s.Owner(), "user:1") })
}

func TestDestroyOwned(t *testing.T) {
	a := testapp.New(t)
	laptop, phone, other := newOwnedClient(a, "user:1", "laptop"), newOwnedClient(a, "user:1", "phone"), newOwnedClient(a, "user:2", "other")
	laptop.OK(func(s *sessions.Session) {
		n, err := a.Manager.DestroyOwned(t.Context(), "user:1", s)
		if n != 1 || err != nil {
			t.Errorf("DestroyOwned: got %d, %v, want 1, nil", n, err)
		}
	})
	testapp.Equal(t, "user of the excepted session", laptop.User(), "laptop")
	testapp.Equal(t, "user of the other device", phone.User(), "")
	testapp.Equal(t, "user of another owner", other.User(), "other")
	n, err := a.Manager.DestroyOwned(t.Context(), "user:1")
	if n != 1 || err != nil {
		t.Errorf("DestroyOwned without exceptions: got %d, %v, want 1, nil", n, err)
	}
	n, err = a.Manager.DestroyOwned(t.Context(), "user:1")
	if n != 0 || err != nil {
		t.Errorf("DestroyOwned without sessions: got %d, %v, want 0, nil", n, err)
	}
	n, err = a.Manager.DestroyOwned(t.Context(), "")
	if n != 0 || err != nil {
		t.Errorf("DestroyOwned of an empty owner: got %d, %v, want 0, nil", n, err)
	}
}

func TestDestroyOwnedExceptDuringRenew(t *testing.T) {
	for name, save := range map[string]func(*sessions.Session){
		"later":  func(*sessions.Session) {},
		"before": func(s *sessions.Session) { s.Save(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			laptop, phone := newOwnedClient(a, "user:1", "laptop"), newOwnedClient(a, "user:1", "phone")
			laptop.OK(func(s *sessions.Session) {
				s.Renew()
				save(s)
				n, err := a.Manager.DestroyOwned(t.Context(), "user:1", s)
				if n != 1 || err != nil {
					t.Errorf("DestroyOwned: got %d, %v, want 1, nil", n, err)
				}
			})
			testapp.Equal(t, "user of the excepted session", laptop.User(), "laptop")
			testapp.Equal(t, "user of the other device", phone.User(), "")
			a.Store.Record(t)
		})
	}
	t.Run("of a new session", func(t *testing.T) {
		a := testapp.New(t)
		phone, laptop := newOwnedClient(a, "user:1", "phone"), a.Client()
		laptop.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "laptop")
			s.SetOwner("user:1")
			if _, err := a.Manager.DestroyOwned(t.Context(), "user:1", s); err != nil {
				t.Error(err)
			}
		})
		testapp.Equal(t, "user of the new session", laptop.User(), "laptop")
		testapp.Equal(t, "user of the other device", phone.User(), "")
	})
}

func TestDestroyOwnedDuringRequests(t *testing.T) {
	destroy := func(t *testing.T, a *testapp.App) {
		t.Helper()
		if _, err := a.Manager.DestroyOwned(t.Context(), "user:1"); err != nil {
			t.Error(err)
		}
	}
	t.Run("a session changes after it was listed", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		other := c.Copy()
		a.Store.Before("Delete", func() { other.OK(testapp.Increment) })
		destroy(t, a)
		testapp.Equal(t, "user", c.User(), "")
	})
	t.Run("a session changes its owner after it was listed", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		other := c.Copy()
		a.Store.Before("Delete", func() { other.OK(func(s *sessions.Session) { s.SetOwner("user:2") }) })
		destroy(t, a)
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("a session is renewed after it was listed", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		a.Store.Before("Delete", func() { c.OK(func(s *sessions.Session) { s.Renew() }) })
		destroy(t, a)
		testapp.Equal(t, "user", c.User(), "")
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
	t.Run("a session is renewed while it is listed", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		a.Store.Next("Owned", testapp.Fault{After: func() { c.OK(func(s *sessions.Session) { s.Renew() }) }})
		destroy(t, a)
		testapp.Equal(t, "user", c.User(), "")
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
	t.Run("someone signs in while it runs", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		anonymous := a.SignedIn()
		a.Store.Before("Delete", func() { anonymous.OK(func(s *sessions.Session) { s.SetOwner("user:1") }) })
		destroy(t, a)
		testapp.Equal(t, "user", c.User(), "")
		testapp.Equal(t, "user who signed in meanwhile", anonymous.User(), "ann")
	})
	t.Run("a sign-in that commits afterwards is a new session", func(t *testing.T) {
		a := testapp.New(t)
		newOwnedClient(a, "user:1", "ann")
		c := a.SignedIn()
		a.Store.Before("Renew", func() { destroy(t, a) })
		c.OK(func(s *sessions.Session) { s.Renew(); s.SetOwner("user:1"); testapp.User.Set(s, "bob") })
		testapp.Equal(t, "Owned", ownedUsers(a, "user:1"), []string{"bob"})
	})
	t.Run("a session is renewed in the course of each listing but the last", func(t *testing.T) {
		a := testapp.New(t)
		c := newUser1Client(a)
		// The listing has passed the place of the new ID before the renewal.
		missed := testapp.Fault{After: func() { c.OK(func(s *sessions.Session) { s.Renew() }) }}
		a.Store.Next("Owned", missed, missed, missed)
		if _, err := a.Manager.DestroyOwned(t.Context(), "user:1"); err != nil {
			t.Error(err)
		}
		testapp.Equal(t, "user", c.User(), "")
	})
	t.Run("in parallel with many that renew", func(t *testing.T) {
		a := testapp.New(t)
		var clients []*testapp.Client
		for range 20 {
			clients = append(clients, newOwnedClient(a, "user:1", "ann"))
		}
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if code := c.Do(func(s *sessions.Session) { s.Renew() }).StatusCode; code != http.StatusOK && code != http.StatusConflict {
					t.Errorf("got status %d, want 200 or 409", code)
				}
			})
		}
		wg.Go(func() { destroy(t, a) })
		wg.Wait()
		for _, c := range clients {
			testapp.Equal(t, "user", c.User(), "")
		}
	})
	t.Run("the store fails", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "ann")
		for _, kind := range []string{"Owned", "Delete"} {
			a.Store.Next(kind, testapp.Refused)
			n, err := a.Manager.DestroyOwned(t.Context(), "user:1")
			testapp.Equal(t, "destroyed", n, 0)
			testapp.Error(t, "DestroyOwned", err, testapp.ErrDown)
		}
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("the store fails, and a new session is excepted", func(t *testing.T) {
		a := testapp.New(t)
		c := newOwnedClient(a, "user:1", "phone")
		a.Client().OK(func(s *sessions.Session) { // someone signs in, and out everywhere else
			s.SetOwner("user:1")
			a.Store.Next("Owned", testapp.Refused)
			_, err := a.Manager.DestroyOwned(t.Context(), "user:1", s)
			testapp.Error(t, "DestroyOwned", err, testapp.ErrDown)
		})
		testapp.Equal(t, "user of the other device", c.User(), "phone")
	})
}

func TestAll(t *testing.T) {
	a := testapp.New(t)
	for _, name := range []string{"a", "b", "c"} {
		newOwnedClient(a, "", name)
	}
	var names []string
	for s, err := range a.Manager.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Get("user").(string))
	}
	slices.Sort(names)
	testapp.Equal(t, "users", names, []string{"a", "b", "c"})
	for range a.Manager.All(t.Context()) {
		break
	}
}

func TestListingSkipsDamagedRecord(t *testing.T) {
	a := testapp.New(t)
	newOwnedClient(a, "user:1", "a")
	damaged := a.Store.Record(t)
	newOwnedClient(a, "user:1", "b")
	newOwnedClient(a, "user:1", "c")
	damaged.Record.Data = []byte{0}
	a.Store.Put(t, damaged.Key, damaged.Record)
	read, bad := 0, 0
	for s, err := range a.Manager.All(t.Context()) {
		switch {
		case err == nil:
			read++
		case errors.Is(err, sessions.ErrCorrupt) && s == nil:
			bad++
		default:
			t.Error(err)
		}
	}
	testapp.Equal(t, "sessions read", read, 2)
	testapp.Equal(t, "errors", bad, 1)
	n, err := a.Manager.DestroyOwned(t.Context(), "user:1")
	if n != 3 || err != nil {
		t.Errorf("DestroyOwned: got %d, %v, want 3, nil", n, err)
	}
}

// newerStore lists a session of a newer format before the owner's others.
type newerStore struct {
	driver.Store
	owners driver.Owners
}

func (s newerStore) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		if yield(driver.Entry{Key: driver.Key{9}}, fmt.Errorf("fake: %w", driver.ErrNewerFormat)) {
			s.owners.Owned(ctx, owner)(yield)
		}
	}
}

// During a deployment, one of the owner's sessions may have a newer format. The others
// are destroyed; it remains.
func TestDestroyOwnedWithNewerFormat(t *testing.T) {
	a := testapp.New(t)
	c := newOwnedClient(a, "user:1", "laptop")
	a.Deploy(func(o *sessions.Options) {
		o.Driver = driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			store, err := a.Store.Open(ctx, cfg)
			return newerStore{store, store.(driver.Owners)}, err
		})
	})
	n, err := a.Manager.DestroyOwned(t.Context(), "user:1")
	if n != 1 || !errors.Is(err, sessions.ErrNewerFormat) {
		t.Errorf("DestroyOwned: got %d, %v, want 1, ErrNewerFormat", n, err)
	}
	testapp.Equal(t, "user", c.User(), "")
}

func TestListedSession(t *testing.T) {
	a := testapp.New(t)
	c := newOwnedClient(a, "user:1", "ann")
	listed := func() *sessions.Session {
		for s, err := range a.Manager.Owned(t.Context(), "user:1") {
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		t.Fatal("no session")
		return nil
	}
	s := listed()
	testapp.Equal(t, "ID", s.ID(), a.Store.Record(t).Key.String())
	testapp.Equal(t, "Token", s.Token(), "")
	testapp.Equal(t, "IsNew", s.IsNew(), false)
	testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
	testapp.Error(t, "Renew", s.Renew(), errors.ErrUnsupported)
	testapp.Error(t, "Invalidate", s.Invalidate(), errors.ErrUnsupported)
	testapp.Equal(t, "user", s.Get("user"), any("ann"))
	c.OK(testapp.Increment) // meanwhile
	testapp.Increment(s)
	testapp.Equal(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "count", c.Count(), 2)
	testapp.Equal(t, "Destroy", listed().Destroy(t.Context()), nil)
	testapp.Equal(t, "user after Destroy", c.User(), "")
	testapp.Increment(s)
	testapp.Error(t, "Save after Destroy", s.Save(t.Context()), sessions.ErrEnded)
}

func TestLoad(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.Cookie.Secret = []byte(strings.Repeat("s", 32)) })
	c := a.SignedIn()
	s, err := a.Manager.Load(t.Context(), c.Token())
	if err != nil {
		t.Fatal(err)
	}
	testapp.Equal(t, "Token", s.Token(), c.Token())
	testapp.Equal(t, "user", s.Get("user"), any("ann"))
	testapp.Equal(t, "IsNew", s.IsNew(), false)
	c.OK(testapp.Increment) // meanwhile
	testapp.Increment(s)
	testapp.Equal(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "count", c.Count(), 2)

	testapp.Equal(t, "Renew", s.Renew(), nil)
	testapp.Equal(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "user with the old cookie", c.Copy().User(), "")
	renewed := a.ClientWith(s.Token())
	testapp.Equal(t, "user with the new token", renewed.User(), "ann")

	testapp.Equal(t, "Destroy", s.Destroy(t.Context()), nil)
	testapp.Equal(t, "user after Destroy", renewed.User(), "")
	testapp.User.Set(s, "bob")
	testapp.Equal(t, "Save of another session", s.Save(t.Context()), nil)
	testapp.Equal(t, "user of it", (a.ClientWith(s.Token())).User(), "bob")
}

func TestLoadRejectsInvalidTokens(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	a := testapp.New(t, func(o *sessions.Options) { o.Cookie.Secret = secret })
	b := testapp.New(t, func(o *sessions.Options) { o.Cookie.Secret = []byte(strings.Repeat("x", 32)) })
	token := a.SignedIn().Token()
	gone := a.SignedIn()
	ended := gone.Token()
	gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	a.Store.Calls()
	for name, test := range map[string]struct{ token, calls string }{
		"empty":                {"", ""},
		"garbage":              {"garbage", ""},
		"altered":              {"A" + token[1:] + "", ""},
		"cut":                  {token[:len(token)-1], ""},
		"of another secret":    {b.SignedIn().Token(), ""},
		"unsigned":             {token[:43], ""},
		"of an ended session":  {ended, "Load"},
		"with something after": {token + "A", ""},
	} {
		if test.token == token {
			continue // it began with an A
		}
		s, err := a.Manager.Load(t.Context(), test.token)
		if s != nil || !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("%s: got %v, %v, want ErrNotFound", name, s, err)
		}
		if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the error contains the token", name)
		}
		testapp.Equal(t, name+": store calls", a.Store.Calls(), test.calls)
	}
}

func TestListingUnsupported(t *testing.T) {
	f := testapp.NewStore(nil)
	a := testapp.New(t, func(o *sessions.Options) {
		o.Driver = driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			s, err := f.Open(ctx, cfg)
			return struct{ driver.Store }{s}, err // and nothing beyond a Store's methods
		})
	})
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		testapp.User.Set(s, "ann")
		testapp.Equal(t, "SetOwner", s.SetOwner("user:1"), nil)
	})
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "Owner", s.Owner(), "user:1") })
	_, err := a.Manager.DestroyOwned(t.Context(), "user:1")
	testapp.Error(t, "DestroyOwned", err, errors.ErrUnsupported)
	_, err = a.Manager.Sweep(t.Context())
	testapp.Error(t, "Sweep", err, errors.ErrUnsupported)
	n := 0
	for s, err := range a.Manager.Owned(t.Context(), "user:1") {
		n++
		testapp.Equal(t, "session", s, nil)
		testapp.Error(t, "Owned", err, errors.ErrUnsupported)
	}
	for _, err := range a.Manager.All(t.Context()) {
		n++
		testapp.Error(t, "All", err, errors.ErrUnsupported)
	}
	testapp.Equal(t, "errors", n, 2)
	testapp.Equal(t, "user after all that", c.User(), "ann")
}

func TestFind(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	phone := newOwnedClient(a, "user:1", "phone")
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

	laptop := newOwnedClient(a, "user:1", "laptop")
	laptop.OK(func(s *sessions.Session) { id = s.ID() })
	a.Clock.Advance(time.Hour)
	_, err = a.Manager.Find(t.Context(), id)
	testapp.Error(t, "Find of an expired session", err, sessions.ErrNotFound)
}
