package sessions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// auditTrail is a log of one JSON object an event.
type auditTrail struct{ buf bytes.Buffer }

func (a *auditTrail) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(&a.buf, &slog.HandlerOptions{Level: level}))
}

type auditEvent struct{ Level, Msg, Session, Before string }

// take returns the events since it was asked last.
func (a *auditTrail) take(t *testing.T) []auditEvent {
	t.Helper()
	var events []auditEvent
	for d := json.NewDecoder(&a.buf); d.More(); {
		var e auditEvent
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		e.Msg = strings.TrimPrefix(e.Msg, "sessions: ")
		events = append(events, e)
	}
	a.buf.Reset()
	return events
}

func auditWant(t *testing.T, got []auditEvent, want ...auditEvent) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%v, want\n%v", got, want)
	}
}

func TestTheLogTellsASessionsLife(t *testing.T) {
	for _, store := range []string{"memory", "sealed"} {
		t.Run(store, func(t *testing.T) {
			var trail auditTrail
			m, _ := testapp.NewManager(t, sessions.Options{
				Store: store, Logger: trail.logger(slog.LevelDebug), Cookie: sessions.Cookie{Secret: testapp.Secret},
			})
			b := testapp.NewClient(t, m)
			var id, renewed string
			b.Visit(func(s *sessions.Session) { s.Get("user") })
			auditWant(t, trail.take(t)) // nothing begins by looking
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
			auditWant(t, trail.take(t), auditEvent{"DEBUG", "session created", id, ""})
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada lovelace") })
			auditWant(t, trail.take(t)) // nor ends by changing
			b.Visit(func(s *sessions.Session) { s.Renew(); renewed = s.ID() })
			auditWant(t, trail.take(t), auditEvent{"DEBUG", "session renewed", renewed, id})
			b.Visit(func(s *sessions.Session) { s.Get("user"); s.Destroy(t.Context()) })
			auditWant(t, trail.take(t), auditEvent{"DEBUG", "session destroyed", renewed, ""})
		})
	}
}

func TestTheLogTellsWhatInvalidateAndOwnersEnd(t *testing.T) {
	var trail auditTrail
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory", Logger: trail.logger(slog.LevelDebug)})
	b := testapp.NewClient(t, m)
	var id, next string
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
	trail.take(t)
	b.Visit(func(s *sessions.Session) { s.Invalidate(); s.SetOwner("ada"); next = s.ID() })
	auditWant(t, trail.take(t), auditEvent{"DEBUG", "session destroyed", id, ""}, auditEvent{"DEBUG", "session created", next, ""})
	if _, err := m.DestroyOwned(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	auditWant(t, trail.take(t), auditEvent{"DEBUG", "session destroyed", next, ""})
}

func TestTheLogTellsThatASessionIsOver(t *testing.T) {
	var trail auditTrail
	clock := testapp.NewClock(testapp.Epoch)
	m, _ := testapp.NewManager(t, sessions.Options{
		Store: "memory", IdleTimeout: time.Minute, Now: clock.Now, Logger: trail.logger(slog.LevelDebug),
	})
	b := testapp.NewClient(t, m)
	var id string
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
	clock.Advance(time.Minute)
	trail.take(t)
	b.Visit(func(s *sessions.Session) { s.Get("user") })
	auditWant(t, trail.take(t), auditEvent{"DEBUG", "session expired, ended or unknown", id, ""})
}

func TestTheLogTellsOfConflicts(t *testing.T) {
	var trail auditTrail
	f := testapp.NewStore(nil)
	m, _ := testapp.NewManager(t, sessions.Options{Driver: f, Logger: trail.logger(slog.LevelDebug)})
	b := testapp.NewClient(t, m)
	var id string
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
	trail.take(t)
	f.Before("Save", func() { b.Visit(func(s *sessions.Session) { s.Set("other", 1) }) })
	b.Visit(func(s *sessions.Session) { s.Set("user", "eve") })
	auditWant(t, trail.take(t), auditEvent{"DEBUG", "session changed meanwhile, merging", id, ""})
}

func TestLifeIsNoNewsToALoggerOfLevelInfo(t *testing.T) {
	var trail auditTrail
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory", Logger: trail.logger(slog.LevelInfo)})
	b := testapp.NewClient(t, m)
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada") })
	b.Visit(func(s *sessions.Session) { s.Renew() })
	b.Visit(func(s *sessions.Session) { s.Destroy(t.Context()) })
	auditWant(t, trail.take(t))
}

// upperStore is a store around another, as instrumentation is.
type upperStore struct {
	driver.Store
	closed int
}

func (u *upperStore) Close() error {
	u.closed++
	return u.Store.Close()
}

func TestWrapStoreStandsInForTheStore(t *testing.T) {
	var inner driver.Store
	outer := new(upperStore)
	m, err := sessions.New(t.Context(), sessions.Options{
		Store: "memory",
		WrapStore: func(s driver.Store) driver.Store {
			inner, outer.Store = s, s
			return outer
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := testapp.NewClient(t, m)
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada") })
	if b.User() != "ada" {
		t.Error("the session is not kept")
	}
	for range m.All(t.Context()) { // upperStore is no Lister
		continue
	}
	n := 0
	for range inner.(driver.Lister).All(t.Context()) {
		n++
	}
	if err := m.Close(); n != 1 || outer.closed != 1 || err != nil {
		t.Errorf("%d records, closed %d times, %v", n, outer.closed, err)
	}
}

func TestWrapStoreMustReturnAStore(t *testing.T) {
	_, err := sessions.New(t.Context(), sessions.Options{Store: "memory", WrapStore: func(driver.Store) driver.Store { return nil }})
	if err == nil || !strings.Contains(err.Error(), "WrapStore") {
		t.Error(err)
	}
}

// unwrapping is a wrapper that names the store inside.
type unwrapping struct{ upperStore }

func (u *unwrapping) Unwrap() driver.Store { return u.Store }

// Optional interfaces are found through a wrapper that names the store inside.
func TestWrapStoreUnwraps(t *testing.T) {
	for _, store := range []string{"memory", "sealed"} {
		t.Run(store, func(t *testing.T) {
			opts := sessions.Options{Store: store, WrapStore: func(s driver.Store) driver.Store {
				return &unwrapping{upperStore{Store: s}}
			}}
			opts.Cookie.Secret = testapp.Secret
			m, err := sessions.New(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			b := testapp.NewClient(t, m)
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); s.SetOwner("ada") })
			if b.User() != "ada" {
				t.Error("the session is not kept")
			}
			if store == "sealed" {
				return
			}
			n := 0
			for _, err := range m.All(t.Context()) {
				if n++; err != nil {
					t.Error(err)
				}
			}
			_, sweeping := m.Sweep(t.Context())
			gone, destroying := m.DestroyOwned(t.Context(), "ada")
			if n != 1 || gone != 1 || sweeping != nil || destroying != nil {
				t.Errorf("%d listed, %d destroyed, %v, %v", n, gone, sweeping, destroying)
			}
		})
	}
}

// A wrapper that hides that the token carries the record would lose sessions.
func TestWrapStoreMustNotHideASealer(t *testing.T) {
	opts := sessions.Options{Store: "sealed", WrapStore: func(s driver.Store) driver.Store { return &upperStore{Store: s} }}
	opts.Cookie.Secret = testapp.Secret
	if _, err := sessions.New(t.Context(), opts); !errors.Is(err, sessions.ErrInvalidOptions) || !strings.Contains(err.Error(), "Unwrap") {
		t.Error(err)
	}
}
