package sessionstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/pump-go/sessions"
)

// NewManager returns a Manager for the tests of a program. Its store is in memory
// and implements every optional interface. It is closed when the test ends. Each
// configure may change its options.
//
//	m := sessionstest.NewManager(t, func(o *sessions.Options) { o.Now = clock.Now })
//	server := httptest.NewServer(m.Wrap(routes(m)))
//
// Its Logger writes to the test's log, and fails the test if a value cannot be
// stored, or is read as another type than the one with which it was set. So all
// requests must end before the test does.
//
// After Close, sessions cannot be used and clients get the error page, as when a
// store is down. The example Outage shows a store that recovers.
func NewManager(t testing.TB, configure ...func(*sessions.Options)) *sessions.Manager {
	t.Helper()
	o := sessions.Options{
		Driver: new(mapDriver),
		Logger: slog.New(testLog{slog.NewTextHandler(t.Output(), nil), t}),
	}
	for _, f := range configure {
		f(&o)
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// testLog fails the test if the program uses a wrong type. In production, this
// causes a warning and a zero value, or the error page.
type testLog struct {
	slog.Handler
	t testing.TB
}

func (l testLog) Handle(ctx context.Context, r slog.Record) error {
	wrong, text := false, r.Message
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		wrong = wrong || ok && errors.Is(err, sessions.ErrInvalidValue)
		text += fmt.Sprintf(", %s: %v", a.Key, a.Value)
		return true
	})
	if wrong {
		l.t.Errorf("sessionstest: %s", text)
	}
	return l.Handler.Handle(ctx, r)
}

func (l testLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return testLog{l.Handler.WithAttrs(attrs), l.t}
}

func (l testLog) WithGroup(name string) slog.Handler {
	return testLog{l.Handler.WithGroup(name), l.t}
}
