package sessions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// logRecorder is a log with one JSON object per event.
type logRecorder struct{ buf bytes.Buffer }

func (a *logRecorder) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(&a.buf, &slog.HandlerOptions{Level: level}))
}

type logEvent struct{ Level, Msg, Session, Before string }

// take returns the events since the last call.
func (a *logRecorder) take(t *testing.T) []logEvent {
	t.Helper()
	var events []logEvent
	for d := json.NewDecoder(&a.buf); d.More(); {
		var e logEvent
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		e.Msg = strings.TrimPrefix(e.Msg, "sessions: ")
		events = append(events, e)
	}
	a.buf.Reset()
	return events
}

func wantEvents(t *testing.T, got []logEvent, want ...logEvent) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got log\n%v, want\n%v", got, want)
	}
}

func TestSessionEventsAreLogged(t *testing.T) {
	for _, store := range []string{"memory", "sealed"} {
		t.Run(store, func(t *testing.T) {
			var trail logRecorder
			m, _ := testapp.NewManager(t, sessions.Options{
				Store: store, Logger: trail.logger(slog.LevelDebug), Cookie: sessions.Cookie{Secret: testapp.Secret},
			})
			b := testapp.NewClient(t, m)
			var id, renewed string
			b.Visit(func(s *sessions.Session) { s.Get("user") })
			wantEvents(t, trail.take(t)) // nothing begins by looking
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
			wantEvents(t, trail.take(t), logEvent{"DEBUG", "session created", id, ""})
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada lovelace") })
			wantEvents(t, trail.take(t)) // nor ends by changing
			b.Visit(func(s *sessions.Session) { s.Renew(); renewed = s.ID() })
			wantEvents(t, trail.take(t), logEvent{"DEBUG", "session renewed", renewed, id})
			b.Visit(func(s *sessions.Session) { s.Get("user"); s.Destroy(t.Context()) })
			wantEvents(t, trail.take(t), logEvent{"DEBUG", "session destroyed", renewed, ""})
		})
	}
}

func TestInvalidateAndDestroyOwnedAreLogged(t *testing.T) {
	var trail logRecorder
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory", Logger: trail.logger(slog.LevelDebug)})
	b := testapp.NewClient(t, m)
	var id, next string
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
	trail.take(t)
	b.Visit(func(s *sessions.Session) { s.Invalidate(); s.SetOwner("ada"); next = s.ID() })
	wantEvents(t, trail.take(t), logEvent{"DEBUG", "session destroyed", id, ""}, logEvent{"DEBUG", "session created", next, ""})
	if _, err := m.DestroyOwned(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, trail.take(t), logEvent{"DEBUG", "session destroyed", next, ""})
}

func TestExpiryIsLogged(t *testing.T) {
	var trail logRecorder
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
	wantEvents(t, trail.take(t), logEvent{"DEBUG", "session expired, ended or unknown", id, ""})
}

func TestConflictsAreLogged(t *testing.T) {
	var trail logRecorder
	f := testapp.NewStore(nil)
	m, _ := testapp.NewManager(t, sessions.Options{Driver: f, Logger: trail.logger(slog.LevelDebug)})
	b := testapp.NewClient(t, m)
	var id string
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); id = s.ID() })
	trail.take(t)
	f.Before("Save", func() { b.Visit(func(s *sessions.Session) { s.Set("other", 1) }) })
	b.Visit(func(s *sessions.Session) { s.Set("user", "eve") })
	wantEvents(t, trail.take(t), logEvent{"DEBUG", "session changed by another request, merging", id, ""})
}

func TestSessionEventsAreDebugMessages(t *testing.T) {
	var trail logRecorder
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory", Logger: trail.logger(slog.LevelInfo)})
	b := testapp.NewClient(t, m)
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada") })
	b.Visit(func(s *sessions.Session) { s.Renew() })
	b.Visit(func(s *sessions.Session) { s.Destroy(t.Context()) })
	wantEvents(t, trail.take(t))
}

func TestPrintedManagerHidesSecrets(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{
		URL:    "memory:?max=471147114711",
		Store:  "memory",
		Cookie: sessions.Cookie{Secret: testapp.Secret, PreviousSecrets: [][]byte{testapp.Secret2}},
	})
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		text := fmt.Sprintf(verb, m)
		for _, secret := range [][]byte{testapp.Secret, testapp.Secret2} {
			for _, form := range []string{"%s", "%v", "%#v", "%x"} {
				if s := strings.Trim(fmt.Sprintf(form, secret), "[]"); strings.Contains(text, s) {
					t.Errorf("%s printed a secret", verb)
				}
			}
		}
		if strings.Contains(text, "471147114711") {
			t.Errorf("%s printed the URL", verb)
		}
	}
}

func TestNoTokenIsLogged(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		var log testapp.Log
		o.Logger = log.Logger(slog.LevelDebug)
		m, store := testapp.NewManager(t, o)
		b := testapp.NewClient(t, m)
		tokens := make(map[string]bool)
		say := func(s *sessions.Session) {
			o.Logger.Info("session", "session", s, "in text", fmt.Sprintf("%v %+v %#v %s %q %d", s, s, s, s, s, s),
				slog.Group("group", "nested", s), "list", []any{s})
			tokens[s.Token()] = true
		}
		outage := errors.New("outage")
		fail := false
		if store != nil {
			store.On("Save", func(_ context.Context) error {
				if fail {
					return outage
				}
				return nil
			})
			store.On("Delete", func(_ context.Context) error {
				if fail {
					return outage
				}
				return nil
			})
			store.On("Load", func(_ context.Context) error {
				if fail {
					return outage
				}
				return nil
			})
		}
		b.Visit(func(s *sessions.Session) { s.Set("password", "hunter2"); say(s) })
		for _, fail = range []bool{false, true} {
			b.Visit(func(s *sessions.Session) { say(s); s.Renew(); say(s); s.Set("n", 1); say(s) })
			b.Visit(func(s *sessions.Session) { s.Set("password", func() {}); say(s) })
			b.Visit(func(s *sessions.Session) { sessions.Key[int]("password").Get(s); say(s) })
			b.Visit(func(s *sessions.Session) { sessions.Key[int]("password").Update(s, func(int) int { return 1 }); say(s) })
			b.Serve(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				s := sessions.FromContext(r.Context())
				s.Destroy(t.Context())
				s.Set("late", 1)
				say(s)
			})
			b.Visit(func(s *sessions.Session) { s.Set("password", "hunter2"); say(s) })
			b.Visit(func(s *sessions.Session) { s.Destroy(t.Context()); say(s) })
		}
		maps.DeleteFunc(tokens, func(token string, _ bool) bool { return token == "" })
		if len(tokens) < 3 {
			t.Fatalf("got only %d tokens to look for", len(tokens))
		}
		text := log.String()
		if !strings.Contains(text, "session") {
			t.Fatal("nothing was logged")
		}
		for token := range tokens {
			raw, _ := base64.RawURLEncoding.DecodeString(token)
			if len(raw) < 32 {
				raw, _ = base64.URLEncoding.DecodeString(token)
			}
			for _, form := range []string{token, token[:20], fmt.Sprintf("%x", raw[:32]), fmt.Sprint(raw[:32]), fmt.Sprintf("%q", raw[:32])} {
				if strings.Contains(text, strings.Trim(form, `"[]`)) {
					t.Errorf("the log contains the token %s", token)
				}
			}
		}
		if strings.Contains(text, "hunter2") {
			t.Error("the log contains a value")
		}
	})
}

func TestPrintedSessionShowsOnlyID(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	b := testapp.SignIn(t, m)
	b.Visit(func(s *sessions.Session) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, s); got != "unused" {
				t.Errorf("%s of an unused session: got %q", verb, got)
			}
		}
		if s.LogValue().String() != "unused" {
			t.Errorf("got LogValue %v", s.LogValue())
		}
		s.Set("password", "hunter2")
		want := s.ID()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, s); got != want {
				t.Errorf("%s: got %q, want %q", verb, got, want)
			}
			texts := []string{fmt.Sprintf(verb, []any{s}), fmt.Sprintf(verb, struct{ S *sessions.Session }{s})}
			if strings.HasSuffix(verb, "v") { // fmt asks no method of an unexported field
				texts = append(texts, fmt.Sprintf(verb, struct{ s *sessions.Session }{s}))
			}
			for _, text := range texts {
				for _, secret := range []string{s.Token(), "hunter2", string(testapp.Secret)} {
					if strings.Contains(text, secret) {
						t.Errorf("%s printed %q: %s", verb, secret, text)
					}
				}
			}
		}
	})
}

// Programs print and log the context that holds the session.
func TestPrintedContextHidesSession(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	b.Serve(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("password", "hunter2")
		type mark struct{}
		inner := context.WithValue(r.Context(), mark{}, "x")
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			texts := []string{fmt.Sprintf(verb, r.Context())}
			if verb == "%v" || verb == "%s" { // as far as package context goes
				texts = append(texts, fmt.Sprintf(verb, inner))
			}
			for _, text := range texts {
				if strings.Contains(text, b.Token()) || strings.Contains(text, "hunter2") || !strings.Contains(text, ".WithSession") {
					t.Errorf("%s: got %s", verb, text)
				}
			}
		}
	})
}

// A value that does not fit its type is logged with its name and type, without its
// content.
func TestNoValueIsLogged(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		s.Set("password", "hunter2")
		s.Set("card", int64(4111111111111111))
		s.Set("notes", map[string]string{"a": "hunter2"})
		s.AddFlash("hunter2")
	})
	for name, f := range map[string]func(s *sessions.Session){
		"int":            func(s *sessions.Session) { sessions.Key[int]("password").Get(s) },
		"time":           func(s *sessions.Session) { sessions.Key[time.Time]("password").Get(s) },
		"address":        func(s *sessions.Session) { sessions.Key[netip.Addr]("password").Get(s) },
		"big number":     func(s *sessions.Session) { sessions.Key[*big.Int]("password").Get(s) },
		"small number":   func(s *sessions.Session) { sessions.Key[int8]("card").Get(s) },
		"inside":         func(s *sessions.Session) { sessions.Key[map[string]time.Time]("notes").Get(s) },
		"struct":         func(s *sessions.Session) { sessions.Key[struct{ A time.Time }]("notes").Get(s) },
		"flash":          func(s *sessions.Session) { sessions.Flash[netip.Addr]("flash").Peek(s) },
		"Decode, logged": func(s *sessions.Session) { a.Options.Logger.Info("", "error", s.Decode("password", new(time.Time))) },
	} {
		before := len(a.Log.String())
		c.OK(f)
		if len(a.Log.String()) == before {
			t.Errorf("%s: nothing was logged", name)
		}
	}
	c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
		sessions.Key[netip.Addr]("password").Update(s, func(a netip.Addr) netip.Addr { return a })
	})
	for _, value := range []string{"hunter2", "4111"} {
		if log := a.Log.String(); strings.Contains(log, value) {
			t.Errorf("the log contains %s:\n%s", value, log)
		}
	}
	// The error of Decode goes to the program, and may contain the value.
	c.OK(func(s *sessions.Session) {
		var kind *cbor.UnmarshalTypeError
		if err := s.Decode("password", new(int)); !errors.As(err, &kind) || !errors.Is(err, sessions.ErrInvalidValue) {
			t.Errorf("Decode: %v", err)
		}
	})
}
