package sessions_test

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestSessionOfAClientWithoutCookieIsNewAndEmpty(t *testing.T) {
	a := newLife(t)
	res := a.client().ok(func(s *sessions.Session) {
		lifeEqual(t, "IsNew", s.IsNew(), true)
		lifeEqual(t, "Keys", len(s.Keys()), 0)
		lifeEqual(t, "Get", s.Get("missing"), nil)
		lifeEqual(t, "Has", s.Has("missing"), false)
		if v, ok := lifeUser.Get(s); v != "" || ok {
			t.Errorf("typed Get of a missing value: %q, %v", v, ok)
		}
		if v, ok := lifeUser.Pop(s); v != "" || ok {
			t.Errorf("Pop of a missing value: %q, %v", v, ok)
		}
		lifeEqual(t, "Flashes", len(s.Flashes()), 0)
		lifeEqual(t, "Owner", s.Owner(), "")
		lifeEqual(t, "Err", s.Err(), nil)
		lifeEqual(t, "Created", s.Created(), fakeEpoch)
		lifeEqual(t, "LastAccessed", s.LastAccessed(), fakeEpoch)
		s.Delete("missing")
		s.Clear()
		s.Revert()
		lifeError(t, "Decode", s.Decode("missing", new(int)), sessions.ErrNoValue)
	})
	if res.cookie != nil {
		t.Errorf("an empty session set the cookie %v", res.cookie)
	}
	lifeEqual(t, "store calls", a.store.calls(), "")
}

func TestValueIsThereInTheNextRequest(t *testing.T) {
	a := newLife(t)
	c := a.client()
	var id, token string
	res := c.ok(func(s *sessions.Session) {
		lifeUser.Set(s, "ann")
		id, token = s.ID(), s.Token()
	})
	if res.cookie == nil || res.cookie.Value != token {
		t.Fatalf("cookie %v, want the session's Token", res.cookie)
	}
	entry := a.store.record(t)
	lifeEqual(t, "the store's key", entry.Key.String(), id)

	a.clock.advance(time.Minute)
	res = c.ok(func(s *sessions.Session) {
		for range 2 { // it is not new however often it is looked at
			lifeEqual(t, "IsNew", s.IsNew(), false)
			lifeEqual(t, "ID", s.ID(), id)
			lifeEqual(t, "Token", s.Token(), token)
			lifeEqual(t, "user", s.Get("user"), any("ann"))
			lifeEqual(t, "Created", s.Created(), fakeEpoch)
		}
	})
	if res.cookie != nil {
		t.Errorf("an unchanged session set the cookie %v", res.cookie)
	}
}

func TestUnknownTokenIsNeverAdopted(t *testing.T) {
	a := newLife(t)
	gone := a.signedIn()
	old := gone.copied()
	gone.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })

	res := old.ok(func(s *sessions.Session) {
		lifeEqual(t, "IsNew", s.IsNew(), true)
		s.Keys()
	})
	lifeEqual(t, "records after a mere look", len(a.store.records(t)), 0)
	lifeEqual(t, "cookie", res.cookie, nil)

	before := old.token()
	old.ok(func(s *sessions.Session) { lifeUser.Set(s, "bob") })
	if old.token() == before {
		t.Error("the client's own id was taken for the new session")
	}
	a.store.record(t)
}

func TestNothingIsStoredWithoutAValue(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"settings":           func(s *sessions.Session) { s.SetIdleTimeout(time.Hour); s.SetExpires(sessions.ExpireWithBrowser()) },
		"set, deleted":       func(s *sessions.Session) { s.Set("a", 1); s.Delete("a") },
		"set, popped":        func(s *sessions.Session) { lifeUser.Set(s, "ann"); lifeUser.Pop(s) },
		"set, cleared":       func(s *sessions.Session) { s.Set("a", 1); s.Clear() },
		"set, reverted":      func(s *sessions.Session) { s.Set("a", 1); s.Revert() },
		"set, destroyed":     func(s *sessions.Session) { s.Set("a", 1); s.Destroy(t.Context()) },
		"set, invalidated":   func(s *sessions.Session) { s.Set("a", 1); s.Invalidate() },
		"flash added, taken": func(s *sessions.Session) { s.AddFlash("hello"); s.Flashes() },
		"owner set, unset":   func(s *sessions.Session) { s.SetOwner("ann"); s.SetOwner("") },
		"renewed":            func(s *sessions.Session) { s.Renew() },
		"saved":              func(s *sessions.Session) { s.Save(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			res := a.client().ok(f)
			lifeEqual(t, "store calls", a.store.calls(), "")
			if res.cookie != nil {
				t.Errorf("cookie %v", res.cookie)
			}
		})
	}
}

func TestSettingsMadeBeforeTheFirstValueAreKept(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		s.SetIdleTimeout(time.Hour)
		if err := s.Save(t.Context()); err != nil { // there is nothing to store yet
			t.Error(err)
		}
		lifeUser.Set(s, "ann")
	})
	a.clock.advance(time.Hour)
	lifeEqual(t, "user after the session's own timeout", c.user(), "")
}

func TestClearKeepsTheSession(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	var id string
	c.ok(func(s *sessions.Session) {
		s.SetOwner("user:1")
		s.SetExpires(sessions.ExpireWithBrowser())
		s.AddFlash("hello")
		id = s.ID()
	})
	res := c.ok(func(s *sessions.Session) {
		s.Clear()
		lifeEqual(t, "Keys", len(s.Keys()), 0)
		lifeEqual(t, "Flashes", len(s.Flashes()), 0)
	})
	lifeEqual(t, "cookie", res.cookie, nil)
	res = c.ok(func(s *sessions.Session) {
		lifeEqual(t, "ID", s.ID(), id)
		lifeEqual(t, "IsNew", s.IsNew(), false)
		lifeEqual(t, "Keys", len(s.Keys()), 0)
		lifeEqual(t, "Owner", s.Owner(), "user:1")
		s.Renew()
	})
	if res.cookie == nil || res.cookie.MaxAge != 0 || !res.cookie.Expires.IsZero() {
		t.Errorf("cookie %v, want one that ends with the browser, as was set", res.cookie)
	}
}

func TestDestroyEndsTheSession(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	old := c.copied()
	var id string
	res := c.ok(func(s *sessions.Session) {
		id = s.ID()
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
		lifeEqual(t, "records at once", len(a.store.records(t)), 0)
		lifeEqual(t, "Keys", len(s.Keys()), 0)
		lifeEqual(t, "IsNew", s.IsNew(), true)
	})
	if res.cookie == nil || res.cookie.Value != "" || res.cookie.MaxAge >= 0 || res.cookie.Expires.Unix() != 0 || res.cookie.Path != "/" {
		t.Errorf("cookie %v, want a deletion", res.cookie)
	}
	old.ok(func(s *sessions.Session) {
		lifeEqual(t, "IsNew under the old id", s.IsNew(), true)
		if s.ID() == id {
			t.Error("the old id lives on")
		}
	})
}

func TestInvalidateBeginsAnotherSession(t *testing.T) {
	for name, save := range map[string]bool{"by the commit": false, "by Save": true} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			old := c.copied()
			a.clock.advance(time.Minute)
			var before, after string
			res := c.ok(func(s *sessions.Session) {
				before = s.ID()
				if err := s.Invalidate(); err != nil {
					t.Error(err)
				}
				after = s.ID()
				lifeEqual(t, "Keys", len(s.Keys()), 0)
				lifeEqual(t, "IsNew", s.IsNew(), true)
				lifeEqual(t, "Created", s.Created(), fakeEpoch.Add(time.Minute))
				if save {
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
					lifeEqual(t, "IsNew after Save", s.IsNew(), true)
				}
			})
			if before == after {
				t.Error("the id stayed")
			}
			if res.cookie == nil || res.cookie.Value == "" || res.cookie.Value == old.token() {
				t.Errorf("cookie %v, want that of the new session", res.cookie)
			}
			lifeEqual(t, "the record's key", a.store.record(t).Key.String(), after)
			lifeEqual(t, "user under the old id", old.user(), "")
			c.ok(func(s *sessions.Session) {
				lifeEqual(t, "IsNew in the next request", s.IsNew(), false)
				lifeEqual(t, "Created in the next request", s.Created(), fakeEpoch.Add(time.Minute))
			})
		})
	}
}

func TestRenewKeepsTheDataUnderAnotherID(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	old := c.copied()
	a.clock.advance(time.Minute)
	var id, token string
	res := c.ok(func(s *sessions.Session) {
		before := s.ID()
		if err := s.Renew(); err != nil {
			t.Error(err)
		}
		if id, token = s.ID(), s.Token(); id == before {
			t.Error("the id stayed")
		}
		lifeEqual(t, "user", s.Get("user"), any("ann"))
		lifeEqual(t, "IsNew", s.IsNew(), false)
	})
	if res.cookie == nil || res.cookie.Value != token {
		t.Errorf("cookie %v, want the new token", res.cookie)
	}
	lifeEqual(t, "the record's key", a.store.record(t).Key.String(), id)
	lifeEqual(t, "user under the old id", old.user(), "")
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "user", s.Get("user"), any("ann"))
		lifeEqual(t, "Created", s.Created(), fakeEpoch)
	})
}

func TestSaveLeavesTheSessionAsItIs(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		s.Set("a", 1)
		s.Set("m", map[string]int{"x": 1})
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		lifeEqual(t, "Keys", s.Keys(), []string{"a", "m"})
		lifeEqual(t, "a", s.Get("a"), any(1))
		lifeEqual(t, "IsNew", s.IsNew(), true)
		a.store.calls()
		s.Save(t.Context())
		lifeEqual(t, "calls of a Save without changes", a.store.calls(), "")
		s.Set("b", 2)
	})
	c.ok(func(s *sessions.Session) { lifeEqual(t, "Keys", s.Keys(), []string{"a", "b", "m"}) })
}

func TestTheLastStateOfARequestWins(t *testing.T) {
	ctx := t.Context()
	set := func(v string) func(*sessions.Session) {
		return func(s *sessions.Session) { lifeUser.Set(s, v) }
	}
	type step = func(*sessions.Session)
	renew := func(s *sessions.Session) { s.Renew() }
	invalidate := func(s *sessions.Session) { s.Invalidate() }
	destroy := func(s *sessions.Session) { s.Destroy(ctx) }
	save := func(s *sessions.Session) { s.Save(ctx) }
	revert := func(s *sessions.Session) { s.Revert() }
	const keeps, moves, ends = "keeps", "moves", "ends" // the client's cookie
	for name, test := range map[string]struct {
		steps  []step
		user   string
		cookie string
	}{
		"set, renew":                        {[]step{set("b"), renew}, "b", moves},
		"renew, set":                        {[]step{renew, set("b")}, "b", moves},
		"set, renew, destroy":               {[]step{set("b"), renew, destroy}, "", ends},
		"destroy, set":                      {[]step{destroy, set("b")}, "b", moves},
		"set, renew, destroy, set":          {[]step{set("b"), renew, destroy, set("c")}, "c", moves},
		"destroy, set, destroy":             {[]step{destroy, set("b"), destroy}, "", ends},
		"destroy, set, save, destroy":       {[]step{destroy, set("b"), save, destroy}, "", ends},
		"destroy, set, save, renew":         {[]step{destroy, set("b"), save, renew}, "b", moves},
		"destroy twice":                     {[]step{destroy, destroy}, "", ends},
		"renew, save, renew":                {[]step{renew, save, renew}, "ann", moves},
		"renew, save, set":                  {[]step{renew, save, set("b")}, "b", moves},
		"renew, save, destroy":              {[]step{renew, save, destroy}, "", ends},
		"renew, revert":                     {[]step{renew, revert}, "ann", keeps},
		"set, revert":                       {[]step{set("b"), revert}, "ann", keeps},
		"invalidate, revert":                {[]step{invalidate, revert}, "ann", keeps},
		"set, save, set, revert":            {[]step{set("b"), save, set("c"), revert}, "b", keeps},
		"destroy, revert":                   {[]step{destroy, revert}, "", ends},
		"invalidate, set":                   {[]step{invalidate, set("b")}, "b", moves},
		"set, invalidate":                   {[]step{set("b"), invalidate}, "", moves},
		"renew, invalidate":                 {[]step{renew, invalidate}, "", moves},
		"invalidate, set, renew":            {[]step{invalidate, set("b"), renew}, "b", moves},
		"invalidate, save, set, invalidate": {[]step{invalidate, save, set("b"), invalidate}, "", moves},
		"invalidate, destroy":               {[]step{invalidate, destroy}, "", ends},
		"invalidate, save, destroy":         {[]step{invalidate, save, destroy}, "", ends},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			old := c.copied()
			var token string
			res := c.ok(func(s *sessions.Session) {
				for _, step := range test.steps {
					step(s)
				}
				token = s.Token()
			})
			switch test.cookie {
			case keeps:
				lifeEqual(t, "cookie", res.cookie, nil)
				lifeEqual(t, "user", c.user(), test.user)
				a.store.record(t)
				return
			case moves:
				if res.cookie == nil || res.cookie.Value != token || token == old.token() {
					t.Errorf("cookie %v, want another token", res.cookie)
				}
				a.store.record(t)
			case ends:
				if res.cookie == nil || res.cookie.Value != "" {
					t.Errorf("cookie %v, want a deletion", res.cookie)
				}
				lifeEqual(t, "records", len(a.store.records(t)), 0)
			}
			lifeEqual(t, "user", c.user(), test.user)
			lifeEqual(t, "user under the old id", old.user(), "")
		})
	}
}

func TestRevertUndoesTheRequestsChanges(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	a.clock.advance(48 * time.Hour)
	a.store.calls()
	c.ok(func(s *sessions.Session) {
		s.SetOwner("user:1")
		lifeUser.Delete(s)
		s.Set("broken", make(chan int))
		s.Invalidate()
		s.Set("x", 1)
		s.Revert()
		lifeEqual(t, "Keys", s.Keys(), []string{"user"})
		lifeEqual(t, "Owner", s.Owner(), "")
		lifeEqual(t, "IsNew", s.IsNew(), false)
		lifeEqual(t, "Created", s.Created(), fakeEpoch)
		lifeEqual(t, "LastAccessed", s.LastAccessed(), fakeEpoch)
	})
	lifeEqual(t, "store calls", a.store.calls(), "Load Touch")
}

func TestRevertAfterSaveKeepsWhatIsKnownOfTheSession(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) {
		lifeUser.Set(s, "ann")
		s.Save(t.Context())
		s.Revert()
		lifeEqual(t, "IsNew", s.IsNew(), true)
	})
	a.clock.advance(48 * time.Hour)
	c.ok(func(s *sessions.Session) {
		lifeUser.Set(s, "bob")
		s.Save(t.Context())
		s.Revert()
		lifeEqual(t, "user", s.Get("user"), any("bob"))
		lifeEqual(t, "LastAccessed", s.LastAccessed(), fakeEpoch)
	})
}

func TestLastAccessedIsTheAccessBeforeThisOne(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.signedIn()
	for i := range 3 {
		a.clock.advance(10 * time.Minute)
		c.ok(func(s *sessions.Session) {
			lifeEqual(t, "LastAccessed", s.LastAccessed(), fakeEpoch.Add(time.Duration(i)*10*time.Minute))
			lifeUser.Set(s, "bob")
			s.Save(t.Context())
			lifeEqual(t, "LastAccessed after Save", s.LastAccessed(), fakeEpoch.Add(time.Duration(i)*10*time.Minute))
			lifeEqual(t, "Created", s.Created(), fakeEpoch)
		})
	}
}

func TestKeysAreSorted(t *testing.T) {
	a := newLife(t)
	c := a.client()
	names := []string{"", " ", "B", "a", "aa", "ä", "\xff"}
	c.ok(func(s *sessions.Session) {
		for _, name := range slices.Backward(names) {
			s.Set(name, name)
		}
		lifeEqual(t, "Keys", s.Keys(), names)
	})
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "Keys", s.Keys(), names)
		for _, name := range names {
			lifeEqual(t, "value", s.Get(name), any(name))
		}
	})
}

// The types that the round trip covers beyond Go's own.

type lifeAddress struct {
	Street string `json:"street"`
	No     int    `cbor:"n,omitempty"`
	hidden int
}

type lifePerson struct {
	Name    string
	Home    *lifeAddress
	Tags    []string
	Friends map[string]*lifePerson
	Since   time.Time
}

type lifeColor byte // marshals itself to text

func (c lifeColor) MarshalText() ([]byte, error) { return []byte{'#', '0' + byte(c)}, nil }
func (c *lifeColor) UnmarshalText(b []byte) error {
	if len(b) != 2 || b[0] != '#' {
		return errors.New("no color")
	}
	*c = lifeColor(b[1] - '0')
	return nil
}

type lifeUUID [16]byte // marshals itself to binary, as many UUID types do

func (u lifeUUID) MarshalBinary() ([]byte, error) { return u[:], nil }
func (u *lifeUUID) UnmarshalBinary(b []byte) error {
	if copy(u[:], b) != len(u) {
		return errors.New("no UUID")
	}
	return nil
}

// lifeRoundTrip checks a value of a type through all that Key does.
func lifeRoundTrip[T any](t *testing.T, name string, v T) {
	t.Run(name, func(t *testing.T) {
		a := newLife(t)
		key := sessions.Key[T]("value")
		same := func(what string, got T, ok bool) {
			t.Helper()
			if !ok || !lifeSame(got, v) {
				t.Errorf("%s: %#v, %v, want %#v", what, got, ok, v)
			}
		}
		c := a.client()
		c.ok(func(s *sessions.Session) {
			key.Set(s, v)
			got, ok := key.Get(s)
			same("Get after Set", got, ok)
		})
		c.ok(func(s *sessions.Session) {
			got, ok := key.Get(s)
			same("Get in the next request", got, ok)
			lifeEqual(t, "Has", key.Has(s), true)
		})
		a.store.calls()
		c.ok(func(s *sessions.Session) { key.Get(s) })
		lifeEqual(t, "store calls of a read", a.store.calls(), "Load")
		c.ok(func(s *sessions.Session) {
			same("Update's result", key.Update(s, func(got T) T {
				same("what Update sees", got, true)
				return got
			}), true)
		})
		c.ok(func(s *sessions.Session) {
			into := new(T)
			err := s.Decode("value", into)
			same("Decode", *into, err == nil)
			got, ok := key.Pop(s)
			same("Pop", got, ok)
			lifeEqual(t, "Has after Pop", key.Has(s), false)
		})
		c.ok(func(s *sessions.Session) {
			lifeEqual(t, "Has in the request after Pop", key.Has(s), false)
			key.Set(s, v)
			s.Save(t.Context())
			key.Delete(s)
		})
		c.ok(func(s *sessions.Session) { lifeEqual(t, "Has after Delete", key.Has(s), false) })
	})
}

func lifeSame(a, b any) bool {
	at, ok := a.(time.Time)
	if !ok {
		return reflect.DeepEqual(a, b)
	}
	bt := b.(time.Time)
	_, ao := at.Zone()
	_, bo := bt.Zone()
	return at.Equal(bt) && ao == bo
}

func TestKeyKeepsValuesOfEveryType(t *testing.T) {
	zone := time.FixedZone("", -(9*3600 + 1800))
	lifeRoundTrip(t, "bool", true)
	lifeRoundTrip(t, "int", -42)
	lifeRoundTrip(t, "int8", int8(math.MinInt8))
	lifeRoundTrip(t, "int64", int64(math.MinInt64))
	lifeRoundTrip(t, "uint64", uint64(math.MaxUint64))
	lifeRoundTrip(t, "float32", float32(0.1))
	lifeRoundTrip(t, "float64", 0.1)
	lifeRoundTrip(t, "infinity", math.Inf(-1))
	lifeRoundTrip(t, "smallest float", math.SmallestNonzeroFloat64)
	lifeRoundTrip(t, "string", "Grüße, 世界")
	lifeRoundTrip(t, "empty string", "")
	lifeRoundTrip(t, "invalid UTF-8", "a\xff\x00b")
	lifeRoundTrip(t, "bytes", []byte{0, 0xff, '"'})
	lifeRoundTrip(t, "empty bytes", []byte{})
	lifeRoundTrip(t, "named type", http.SameSiteStrictMode)
	lifeRoundTrip(t, "duration", 90*time.Minute)
	lifeRoundTrip(t, "time in UTC", time.Date(2031, 2, 3, 4, 5, 6, 789, time.UTC))
	lifeRoundTrip(t, "time in a zone", time.Date(2031, 2, 3, 4, 5, 6, 789, zone))
	lifeRoundTrip(t, "zero time", time.Time{})
	lifeRoundTrip(t, "slice", []int{3, 1, 2})
	lifeRoundTrip(t, "array", [3]string{"a", "", "c"})
	lifeRoundTrip(t, "map", map[string]int{"b": 2, "a": 1})
	lifeRoundTrip(t, "map by int", map[int][]string{-1: {"x"}, 7: nil})
	lifeRoundTrip(t, "map by invalid UTF-8", map[string]bool{"\xfe": true})
	lifeRoundTrip(t, "nil map", map[string]int(nil))
	lifeRoundTrip(t, "nil pointer", (*lifeAddress)(nil))
	lifeRoundTrip(t, "pointer", &lifeAddress{Street: "Elm", No: 3})
	lifeRoundTrip(t, "struct", lifeAddress{Street: "Elm", No: 3})
	lifeRoundTrip(t, "empty struct", struct{}{})
	lifeRoundTrip(t, "nested", lifePerson{
		Name: "ann", Home: &lifeAddress{Street: "Elm"}, Tags: []string{"a"},
		Friends: map[string]*lifePerson{"bob": {Name: "bob"}, "nobody": nil},
	})
	lifeRoundTrip(t, "text marshaler", lifeColor(7))
	lifeRoundTrip(t, "text marshalers", []lifeColor{1, 2})
	lifeRoundTrip(t, "binary marshaler", lifeUUID{1, 2, 15: 16})
	lifeRoundTrip(t, "address", netip.MustParseAddr("2001:db8::1%eth0"))
	lifeRoundTrip(t, "prefix in a struct", struct{ Net netip.Prefix }{netip.MustParsePrefix("10.0.0.0/8")})
	lifeRoundTrip(t, "any", any("text"))
}

func TestUnexportedFieldsAreNotKept(t *testing.T) {
	a := newLife(t)
	c := a.client()
	const key sessions.Key[lifeAddress] = "address"
	c.ok(func(s *sessions.Session) { key.Set(s, lifeAddress{Street: "Elm", hidden: 1}) })
	c.ok(func(s *sessions.Session) {
		got, _ := key.Get(s)
		lifeEqual(t, "address", got, lifeAddress{Street: "Elm"})
	})
}

func TestUntypedGetGivesNaturalTypes(t *testing.T) {
	when := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	a := newLife(t)
	c := a.client()
	values := map[string]struct{ set, get any }{
		"bool":   {true, true},
		"int":    {-7, int64(-7)},
		"uint8":  {uint8(7), int64(7)},
		"float":  {float32(0.5), 0.5},
		"string": {"text", "text"},
		"bytes":  {[]byte("raw"), []byte("raw")},
		"time":   {when, when},
		"slice":  {[]int{1, 2}, []any{int64(1), int64(2)}},
		"map":    {map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		"struct": {lifeAddress{Street: "Elm", No: 3}, map[string]any{"street": "Elm", "n": int64(3)}},
		"nil":    {nil, nil},
	}
	c.ok(func(s *sessions.Session) {
		for name, v := range values {
			s.Set(name, v.set)
			lifeEqual(t, name+" before the commit", s.Get(name), v.set)
		}
	})
	a.store.calls()
	c.ok(func(s *sessions.Session) {
		for name, v := range values {
			lifeEqual(t, name, s.Get(name), v.get)
			lifeEqual(t, "Has "+name, s.Has(name), true)
		}
	})
	lifeEqual(t, "store calls of the reads", a.store.calls(), "Load")
}

func TestDecodeTellsWhyItCannot(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	c.ok(func(s *sessions.Session) {
		var name string
		var n int
		lifeEqual(t, "Decode", s.Decode("user", &name), nil)
		lifeEqual(t, "user", name, "ann")
		lifeError(t, "Decode of a text into an int", s.Decode("user", &n), sessions.ErrInvalidValue)
		lifeError(t, "Decode of nothing", s.Decode("missing", &n), sessions.ErrNoValue)
		lifeError(t, "Decode into no pointer", s.Decode("user", name), sessions.ErrInvalidValue)
		lifeUser.Set(s, "bob")
		lifeEqual(t, "Decode after Set", s.Decode("user", &name), nil)
		lifeEqual(t, "user after Set", name, "bob")
	})
}

func TestIDIsPublicAndTokenIsNot(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	c.ok(func(s *sessions.Session) {
		if raw, err := hex.DecodeString(s.ID()); err != nil || len(raw) != 32 {
			t.Errorf("ID %q is not 64 hex digits", s.ID())
		}
		if s.Token() != c.token() {
			t.Errorf("Token %q, cookie %q", s.Token(), c.token())
		}
	})
	public := a.store.record(t).Key.String()
	thief := &lifeClient{app: a, cookie: public}
	lifeEqual(t, "user with the public id for a token", thief.user(), "")
	if _, err := a.m.Load(t.Context(), public); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("Load with the public id: %v", err)
	}
}

// What a handler leaves running may use the session for the first time when the
// request's context has ended.
func TestFirstUseAfterTheRequest(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	ctx, end := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+c.token())
	var s *sessions.Session
	a.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s = sessions.FromContext(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	end()
	lifeIncrement(s)
	lifeEqual(t, "Save", s.Save(t.Context()), nil)
	lifeEqual(t, "count", c.count(), 1)
}
