package sessions_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
	"github.com/pump-go/sessions/memory"
)

// inspected is the only record of the store, after a request to the handler.
func inspected(t *testing.T, handler func(s *sessions.Session)) driver.Record {
	t.Helper()
	m, store := testapp.NewManager(t, sessions.Options{})
	testapp.NewClient(t, m).Visit(handler)
	for _, rec := range store.RecordsByKey(t) {
		return rec
	}
	t.Fatal("nothing was stored")
	return driver.Record{}
}

func TestInspectTellsWhatARecordHolds(t *testing.T) {
	rec := inspected(t, func(s *sessions.Session) {
		s.Set("user", "alice")
		s.Set("cart", []int{1, 2, 3})
		s.AddFlash("Saved.")
		sessions.Flash[int]("numbers").Add(s, 7)
		s.SetIdleTimeout(10 * time.Minute)
		s.SetExpires(sessions.ExpireWithBrowser())
		s.SetLifetime(20 * time.Minute)
	})
	in, err := sessions.Inspect(rec)
	if err != nil {
		t.Fatal(err)
	}
	var values, flashes []string
	for _, v := range in.Values {
		values = append(values, v.Name+" "+diagnosed(t, v.CBOR))
	}
	for _, f := range in.Flashes {
		flashes = append(flashes, f.Name+" "+diagnosed(t, f.CBOR))
	}
	if want := []string{`cart [1, 2, 3]`, `user "alice"`}; !slices.Equal(values, want) {
		t.Errorf("values %q, want %q", values, want)
	}
	if want := []string{`flash "Saved."`, `numbers 7`}; !slices.Equal(flashes, want) {
		t.Errorf("flashes %q, want %q", flashes, want)
	}
	if in.IdleTimeout == nil || *in.IdleTimeout != 10*time.Minute {
		t.Errorf("timeout %v", in.IdleTimeout)
	}
	if in.Lifetime == nil || *in.Lifetime != 20*time.Minute {
		t.Errorf("lifetime %v", in.Lifetime)
	}
	if in.Expires == nil || *in.Expires != sessions.ExpireWithBrowser() {
		t.Errorf("expires %v", in.Expires)
	}
}

func TestInspectOfASessionWithoutSettingsOfItsOwn(t *testing.T) {
	in, err := sessions.Inspect(inspected(t, func(s *sessions.Session) { s.Set("n", 1) }))
	if err != nil || len(in.Values) != 1 || in.Flashes != nil || in.Expires != nil || in.IdleTimeout != nil || in.Lifetime != nil {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestInspectRefusesWhatNoManagerWrote(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":        {nil, sessions.ErrCorrupt},
		"a later format": {[]byte{99, 0, 0, 0}, sessions.ErrNewerFormat},
		"cut short":      {[]byte{1, 0, 5}, sessions.ErrCorrupt},
	} {
		if _, err := sessions.Inspect(driver.Record{Data: c.data}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// diagnosed is the value in CBOR's notation for people.
func diagnosed(t *testing.T, raw []byte) string {
	t.Helper()
	s, err := cbor.Diagnose(raw)
	if err != nil {
		t.Errorf("%x: %v", raw, err)
	}
	return s
}

func TestOpenGivesTheStoreBelowAManager(t *testing.T) {
	store, err := sessions.OpenStore(t.Context(), sessions.Options{Store: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := testapp.NewManager(t, sessions.Options{Driver: driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) {
		return store, nil
	})})
	testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Set("user", "alice") })

	var found []driver.Entry
	for e, err := range store.(driver.Lister).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, e)
	}
	if len(found) != 1 {
		t.Fatalf("%d records", len(found))
	}
	s, err := m.Find(t.Context(), found[0].Key.String())
	if err != nil || s.Get("user") != "alice" {
		t.Errorf("the session of the record's key: %v, %v", s.Get("user"), err)
	}
}

func TestOpenValidatesAsNewDoes(t *testing.T) {
	o := sessions.Options{Store: "redis", Namespace: "A", IdleTimeout: -1}
	_, openErr := sessions.OpenStore(t.Context(), o)
	_, newErr := sessions.New(t.Context(), o)
	if openErr == nil || newErr == nil || openErr.Error() != newErr.Error() || !errors.Is(openErr, sessions.ErrInvalidOptions) {
		t.Errorf("Open: %v\nNew:  %v", openErr, newErr)
	}
	if s, err := sessions.OpenStore(t.Context(), sessions.Options{Driver: memory.New(memory.Options{MaxSessions: -1})}); s != nil || err == nil {
		t.Errorf("a store that does not open: %v, %v", s, err)
	}
}
