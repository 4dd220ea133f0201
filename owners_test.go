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
)

// lifeOf is a client of the owner, with the name as its user.
func lifeOf(a *lifeApp, owner, name string) *lifeClient {
	c := a.client()
	c.ok(func(s *sessions.Session) { lifeUser.Set(s, name); s.SetOwner(owner) })
	return c
}

// lifeOwnedUsers lists the users of the owner's sessions, sorted.
func lifeOwnedUsers(a *lifeApp, owner string) []string {
	a.t.Helper()
	var names []string
	for s, err := range a.m.Owned(a.t.Context(), owner) {
		if err != nil {
			a.t.Error(err)
			continue
		}
		name, _ := lifeUser.Get(s)
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestOwnedNamesAnOwnersSessions(t *testing.T) {
	a := newLife(t)
	hostile := "user:1\x00\xff'; DROP"
	lifeOf(a, "user:1", "laptop")
	phone := lifeOf(a, "user:1", "phone")
	lifeOf(a, "user:12", "other")
	lifeOf(a, "USER:1", "upper case")
	lifeOf(a, hostile, "hostile")
	lifeOf(a, strings.Repeat("o", 255), "long")
	a.signedIn()
	lifeEqual(t, "Owned", lifeOwnedUsers(a, "user:1"), []string{"laptop", "phone"})
	lifeEqual(t, "Owned by a hostile name", lifeOwnedUsers(a, hostile), []string{"hostile"})
	lifeEqual(t, "Owned by a long name", lifeOwnedUsers(a, strings.Repeat("o", 255)), []string{"long"})
	lifeEqual(t, "Owned by nobody", len(lifeOwnedUsers(a, "")), 0)

	phone.ok(func(s *sessions.Session) {
		lifeEqual(t, "Owner", s.Owner(), "user:1")
		s.SetOwner("user:12")
		lifeEqual(t, "Owner", s.Owner(), "user:12")
	})
	lifeEqual(t, "Owned after a change", lifeOwnedUsers(a, "user:1"), []string{"laptop"})
	lifeEqual(t, "Owned by the next owner", lifeOwnedUsers(a, "user:12"), []string{"other", "phone"})
	phone.ok(func(s *sessions.Session) { s.SetOwner("") })
	lifeEqual(t, "Owned after signing out", lifeOwnedUsers(a, "user:12"), []string{"other"})
}

func TestOwnerThatIsTooLong(t *testing.T) {
	a := newLife(t)
	c := lifeOf(a, "user:1", "ann")
	c.ok(func(s *sessions.Session) {
		if err := s.SetOwner(strings.Repeat("o", 256)); err == nil {
			t.Error("256 bytes were taken")
		}
		lifeEqual(t, "Owner", s.Owner(), "user:1")
	})
	lifeEqual(t, "Owned", lifeOwnedUsers(a, "user:1"), []string{"ann"})
}

func TestOwnerAloneIsStored(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { s.SetOwner("user:1") })
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Owner", s.Owner(), "user:1") })
}

func TestDestroyOwnedLogsTheOtherDevicesOut(t *testing.T) {
	a := newLife(t)
	laptop, phone, other := lifeOf(a, "user:1", "laptop"), lifeOf(a, "user:1", "phone"), lifeOf(a, "user:2", "other")
	laptop.ok(func(s *sessions.Session) {
		n, err := a.m.DestroyOwned(t.Context(), "user:1", s)
		if n != 1 || err != nil {
			t.Errorf("DestroyOwned: %d, %v", n, err)
		}
	})
	lifeEqual(t, "user of the excepted session", laptop.user(), "laptop")
	lifeEqual(t, "user of the other device", phone.user(), "")
	lifeEqual(t, "user of another owner", other.user(), "other")
	n, err := a.m.DestroyOwned(t.Context(), "user:1")
	if n != 1 || err != nil {
		t.Errorf("DestroyOwned without exception: %d, %v", n, err)
	}
	n, err = a.m.DestroyOwned(t.Context(), "user:1")
	if n != 0 || err != nil {
		t.Errorf("DestroyOwned of none: %d, %v", n, err)
	}
	n, err = a.m.DestroyOwned(t.Context(), "")
	if n != 0 || err != nil {
		t.Errorf("DestroyOwned of nobody's: %d, %v", n, err)
	}
}

func TestDestroyOwnedExceptsASessionThatIsRenewed(t *testing.T) {
	for name, save := range map[string]func(*sessions.Session){
		"later":  func(*sessions.Session) {},
		"before": func(s *sessions.Session) { s.Save(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			laptop, phone := lifeOf(a, "user:1", "laptop"), lifeOf(a, "user:1", "phone")
			laptop.ok(func(s *sessions.Session) {
				s.Renew()
				save(s)
				n, err := a.m.DestroyOwned(t.Context(), "user:1", s)
				if n != 1 || err != nil {
					t.Errorf("DestroyOwned: %d, %v", n, err)
				}
			})
			lifeEqual(t, "user of the excepted session", laptop.user(), "laptop")
			lifeEqual(t, "user of the other device", phone.user(), "")
			a.store.record(t)
		})
	}
	t.Run("of a new session", func(t *testing.T) {
		a := newLife(t)
		phone, laptop := lifeOf(a, "user:1", "phone"), a.client()
		laptop.ok(func(s *sessions.Session) {
			lifeUser.Set(s, "laptop")
			s.SetOwner("user:1")
			if _, err := a.m.DestroyOwned(t.Context(), "user:1", s); err != nil {
				t.Error(err)
			}
		})
		lifeEqual(t, "user of the new session", laptop.user(), "laptop")
		lifeEqual(t, "user of the other device", phone.user(), "")
	})
}

func TestDestroyOwnedAmongOtherRequests(t *testing.T) {
	destroy := func(t *testing.T, a *lifeApp) {
		t.Helper()
		if _, err := a.m.DestroyOwned(t.Context(), "user:1"); err != nil {
			t.Error(err)
		}
	}
	t.Run("a session changes after it was listed", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		other := c.copied()
		a.store.before("Delete", func() { other.ok(lifeIncrement) })
		destroy(t, a)
		lifeEqual(t, "user", c.user(), "")
	})
	t.Run("a session changes its owner after it was listed", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		other := c.copied()
		a.store.before("Delete", func() { other.ok(func(s *sessions.Session) { s.SetOwner("user:2") }) })
		destroy(t, a)
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("a session is renewed after it was listed", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		a.store.before("Delete", func() { c.ok(func(s *sessions.Session) { s.Renew() }) })
		destroy(t, a)
		lifeEqual(t, "user", c.user(), "")
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
	t.Run("a session is renewed while it is listed", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		a.store.next("Owned", fakeFault{after: func() { c.ok(func(s *sessions.Session) { s.Renew() }) }})
		destroy(t, a)
		lifeEqual(t, "user", c.user(), "")
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
	t.Run("someone signs in after it was listed", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		anonymous := a.signedIn()
		a.store.before("Delete", func() { anonymous.ok(func(s *sessions.Session) { s.SetOwner("user:1") }) })
		destroy(t, a)
		lifeEqual(t, "user", c.user(), "")
		lifeEqual(t, "owned", len(lifeOwnedUsers(a, "user:1")), 0)
	})
	t.Run("a login that commits afterwards is a new one", func(t *testing.T) {
		a := newLife(t)
		lifeOf(a, "user:1", "ann")
		c := a.signedIn()
		a.store.before("Save", func() { destroy(t, a) })
		c.ok(func(s *sessions.Session) { s.Renew(); s.SetOwner("user:1"); lifeUser.Set(s, "bob") })
		lifeEqual(t, "Owned", lifeOwnedUsers(a, "user:1"), []string{"bob"})
	})
	t.Run("a session is renewed in the course of each listing but the last", func(t *testing.T) {
		a := newLife(t)
		c := lifeOwned(a)
		// The listing had nothing yet where the new id belongs.
		missed := fakeFault{after: func() { c.ok(func(s *sessions.Session) { s.Renew() }) }}
		a.store.next("Owned", missed, missed, missed)
		if _, err := a.m.DestroyOwned(t.Context(), "user:1"); err != nil {
			t.Error(err)
		}
		lifeEqual(t, "user", c.user(), "")
	})
	t.Run("sessions are renewed in the course of every listing", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.StoreTimeout = 50 * time.Millisecond })
		c := lifeOwned(a)
		missed := fakeFault{after: func() { c.ok(func(s *sessions.Session) { s.Renew() }) }}
		a.store.next("Owned", slices.Repeat([]fakeFault{missed}, 100_000)...)
		_, err := a.m.DestroyOwned(t.Context(), "user:1")
		lifeError(t, "DestroyOwned", err, context.DeadlineExceeded)
	})
	t.Run("in parallel with many that renew", func(t *testing.T) {
		a := newLife(t)
		var clients []*lifeClient
		for range 20 {
			clients = append(clients, lifeOf(a, "user:1", "ann"))
		}
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if code := c.do(func(s *sessions.Session) { s.Renew() }).Code; code != http.StatusOK && code != http.StatusConflict {
					t.Errorf("status %d", code)
				}
			})
		}
		wg.Go(func() { destroy(t, a) })
		wg.Wait()
		for _, c := range clients {
			lifeEqual(t, "user", c.user(), "")
		}
	})
	t.Run("the store fails", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "ann")
		for _, kind := range []string{"Owned", "Delete"} {
			a.store.next(kind, fakeRefused)
			n, err := a.m.DestroyOwned(t.Context(), "user:1")
			lifeEqual(t, "destroyed", n, 0)
			lifeError(t, "DestroyOwned", err, errFakeDown)
		}
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("the store fails, and a new session is excepted", func(t *testing.T) {
		a := newLife(t)
		c := lifeOf(a, "user:1", "phone")
		a.client().ok(func(s *sessions.Session) { // someone signs in, and out everywhere else
			s.SetOwner("user:1")
			a.store.next("Owned", fakeRefused)
			_, err := a.m.DestroyOwned(t.Context(), "user:1", s)
			lifeError(t, "DestroyOwned", err, errFakeDown)
		})
		lifeEqual(t, "user of the other device", c.user(), "phone")
	})
}

func TestAllNamesEverySession(t *testing.T) {
	a := newLife(t)
	for _, name := range []string{"a", "b", "c"} {
		lifeOf(a, "", name)
	}
	var names []string
	for s, err := range a.m.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Get("user").(string))
	}
	slices.Sort(names)
	lifeEqual(t, "users", names, []string{"a", "b", "c"})
	for range a.m.All(t.Context()) {
		break
	}
}

func TestDamagedRecordDoesNotEndAListing(t *testing.T) {
	a := newLife(t)
	lifeOf(a, "user:1", "a")
	damaged := a.store.record(t)
	lifeOf(a, "user:1", "b")
	lifeOf(a, "user:1", "c")
	damaged.Record.Data = []byte{0}
	a.store.put(t, damaged.Key, damaged.Record)
	read, bad := 0, 0
	for s, err := range a.m.All(t.Context()) {
		switch {
		case err == nil:
			read++
		case errors.Is(err, sessions.ErrCorrupt) && s == nil:
			bad++
		default:
			t.Error(err)
		}
	}
	lifeEqual(t, "sessions read", read, 2)
	lifeEqual(t, "errors", bad, 1)
	n, err := a.m.DestroyOwned(t.Context(), "user:1")
	if n != 3 || err != nil {
		t.Errorf("DestroyOwned: %d, %v", n, err)
	}
}

// newerStore lists a session of a newer version before the owner's others.
type newerStore struct{ *fakeStore }

func (s newerStore) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		if yield(driver.Entry{Key: driver.Key{9}}, fmt.Errorf("fake: %w", driver.ErrNewerFormat)) {
			s.fakeStore.Owned(ctx, owner)(yield)
		}
	}
}

// During a deployment one of the owner's sessions may be of a newer version.
// Its turn comes on a newer server; the others are logged out all the same.
func TestDestroyOwnedBesideASessionOfANewerVersion(t *testing.T) {
	a := newLife(t)
	c := lifeOf(a, "user:1", "laptop")
	a.deploy(func(o *sessions.Options) {
		o.Driver = driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) { return newerStore{a.store}, nil })
	})
	n, err := a.m.DestroyOwned(t.Context(), "user:1")
	if n != 1 || !errors.Is(err, sessions.ErrNewerFormat) {
		t.Errorf("DestroyOwned: %d, %v", n, err)
	}
	lifeEqual(t, "user", c.user(), "")
}

func TestListedSessionIsReadSavedAndDestroyed(t *testing.T) {
	a := newLife(t)
	c := lifeOf(a, "user:1", "ann")
	listed := func() *sessions.Session {
		for s, err := range a.m.Owned(t.Context(), "user:1") {
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		t.Fatal("no session")
		return nil
	}
	s := listed()
	lifeEqual(t, "ID", s.ID(), a.store.record(t).Key.String())
	lifeEqual(t, "Token", s.Token(), "")
	lifeEqual(t, "IsNew", s.IsNew(), false)
	lifeEqual(t, "Created", s.Created(), fakeEpoch)
	lifeError(t, "Renew", s.Renew(), errors.ErrUnsupported)
	lifeError(t, "Invalidate", s.Invalidate(), errors.ErrUnsupported)
	lifeEqual(t, "user", s.Get("user"), any("ann"))
	c.ok(lifeIncrement) // meanwhile
	lifeIncrement(s)
	lifeEqual(t, "Save", s.Save(t.Context()), nil)
	lifeEqual(t, "count", c.count(), 2)
	lifeEqual(t, "Destroy", listed().Destroy(t.Context()), nil)
	lifeEqual(t, "user after Destroy", c.user(), "")
	lifeIncrement(s)
	lifeError(t, "Save after Destroy", s.Save(t.Context()), sessions.ErrEnded)
}

func TestLoadOpensASessionOutsideARequest(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.Cookie.Secret = []byte(strings.Repeat("s", 32)) })
	c := a.signedIn()
	s, err := a.m.Load(t.Context(), c.token())
	if err != nil {
		t.Fatal(err)
	}
	lifeEqual(t, "Token", s.Token(), c.token())
	lifeEqual(t, "user", s.Get("user"), any("ann"))
	lifeEqual(t, "IsNew", s.IsNew(), false)
	c.ok(lifeIncrement) // meanwhile
	lifeIncrement(s)
	lifeEqual(t, "Save", s.Save(t.Context()), nil)
	lifeEqual(t, "count", c.count(), 2)

	lifeEqual(t, "Renew", s.Renew(), nil)
	lifeEqual(t, "Save", s.Save(t.Context()), nil)
	lifeEqual(t, "user with the old cookie", c.copied().user(), "")
	renewed := &lifeClient{app: a, cookie: s.Token()}
	lifeEqual(t, "user with the new token", renewed.user(), "ann")

	lifeEqual(t, "Destroy", s.Destroy(t.Context()), nil)
	lifeEqual(t, "user after Destroy", renewed.user(), "")
	lifeUser.Set(s, "bob")
	lifeEqual(t, "Save of another session", s.Save(t.Context()), nil)
	lifeEqual(t, "user of it", (&lifeClient{app: a, cookie: s.Token()}).user(), "bob")
}

func TestLoadRefusesWhatIsNoToken(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	a := newLife(t, func(o *sessions.Options) { o.Cookie.Secret = secret })
	b := newLife(t, func(o *sessions.Options) { o.Cookie.Secret = []byte(strings.Repeat("x", 32)) })
	token := a.signedIn().token()
	gone := a.signedIn()
	ended := gone.token()
	gone.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
	a.store.calls()
	for name, test := range map[string]struct{ token, calls string }{
		"empty":                {"", ""},
		"garbage":              {"garbage", ""},
		"altered":              {"A" + token[1:] + "", ""},
		"cut":                  {token[:len(token)-1], ""},
		"of another secret":    {b.signedIn().token(), ""},
		"unsigned":             {token[:43], ""},
		"of an ended session":  {ended, "Load"},
		"with something after": {token + "A", ""},
	} {
		if test.token == token {
			continue // it began with an A
		}
		s, err := a.m.Load(t.Context(), test.token)
		if s != nil || !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the error tells the token", name)
		}
		lifeEqual(t, name+": store calls", a.store.calls(), test.calls)
	}
}

func TestStoreThatCannotListSaysSo(t *testing.T) {
	f := newFakeStore()
	a := newLife(t, func(o *sessions.Options) {
		o.Driver = driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			s, err := f.Open(ctx, cfg)
			return struct{ driver.Store }{s}, err // and nothing beyond a Store's methods
		})
	})
	c := a.client()
	c.ok(func(s *sessions.Session) {
		lifeUser.Set(s, "ann")
		lifeEqual(t, "SetOwner", s.SetOwner("user:1"), nil)
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Owner", s.Owner(), "user:1") })
	_, err := a.m.DestroyOwned(t.Context(), "user:1")
	lifeError(t, "DestroyOwned", err, errors.ErrUnsupported)
	_, err = a.m.Sweep(t.Context())
	lifeError(t, "Sweep", err, errors.ErrUnsupported)
	n := 0
	for s, err := range a.m.Owned(t.Context(), "user:1") {
		n++
		lifeEqual(t, "session", s, nil)
		lifeError(t, "Owned", err, errors.ErrUnsupported)
	}
	for _, err := range a.m.All(t.Context()) {
		n++
		lifeError(t, "All", err, errors.ErrUnsupported)
	}
	lifeEqual(t, "errors", n, 2)
	lifeEqual(t, "user after all that", c.user(), "ann")
}
