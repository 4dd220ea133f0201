package otelsessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/otelsessions"
)

// door is a guard that returns an error.
type door struct{ err error }

func (d *door) Start(sessions.GuardConfig) error         { return nil }
func (d *door) Admit(*http.Request, sessions.Held) error { return d.err }
func (d *door) Issue(_ *http.Request, _ sessions.Held, header http.Header) {
	header.Set("X-Door", "open")
}

type reasoned struct{ error }

func (reasoned) Reason() string  { return "no_ticket" }
func (r reasoned) Unwrap() error { return r.error }

func TestRefusalsAreCounted(t *testing.T) {
	tel := newTelemetry(t)
	inner := new(door)
	s := open(t, sessions.Options{Store: "memory", SweepInterval: -1, Guard: otelsessions.WrapGuard(tel.options())(inner)})
	look := func(s *sessions.Session) { s.Keys() }
	s.visit(t.Context(), func(s *sessions.Session) { s.Set("user", "ada") })
	token := s.cookie.Value
	for _, step := range []struct {
		err  error
		want int
	}{
		{nil, http.StatusOK},
		{errors.New("the door is stuck"), http.StatusServiceUnavailable},
		{fmt.Errorf("closed: %w", sessions.ErrRefused), http.StatusForbidden},
		{reasoned{sessions.ErrRefused}, http.StatusForbidden},
		{reasoned{sessions.ErrRefused}, http.StatusForbidden},
	} {
		inner.err = step.err
		if got := s.visit(t.Context(), look); got != step.want {
			t.Errorf("%v: status %d, want %d", step.err, got, step.want)
		}
	}
	if _, err := s.m.Load(t.Context(), token); !errors.Is(err, sessions.ErrRefused) {
		t.Errorf("Load: %v", err)
	}
	var all metricdata.ResourceMetrics
	if err := tel.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "sessions.guard.refusals" {
				t.Errorf("an instrument %s", m.Name)
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				reason, _ := p.Attributes.Value(attribute.Key("sessions.reason"))
				store, _ := p.Attributes.Value(attribute.Key("sessions.store"))
				got[store.AsString()+" "+reason.AsString()] = p.Value
			}
		}
	}
	if len(got) != 2 || got["shop "] != 1 || got["shop no_ticket"] != 3 {
		t.Errorf("counted: %v", got)
	}
}
