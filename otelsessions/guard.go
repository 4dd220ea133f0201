package otelsessions

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pump-go/sessions"
)

// WrapGuard returns a function that wraps a guard for sessions.Options.Guard, to count
// the sessions that it refuses. It panics if the MeterProvider cannot create the counter.
func WrapGuard(o Options) func(sessions.Guard) sessions.Guard {
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	refusals, err := o.MeterProvider.Meter(scope).Int64Counter("sessions.guard.refusals",
		metric.WithDescription("Requests whose session the guard has refused."),
		metric.WithUnit("{request}"))
	if err != nil {
		panic("otelsessions: " + err.Error())
	}
	return func(inner sessions.Guard) sessions.Guard {
		return guard{Guard: inner, refusals: refusals, common: o.common()}
	}
}

type guard struct {
	sessions.Guard
	refusals metric.Int64Counter
	common   []attribute.KeyValue
}

func (g guard) Admit(r *http.Request, h sessions.Held) error {
	err := g.Guard.Admit(r, h)
	if !errors.Is(err, sessions.ErrRefused) {
		return err
	}
	ctx := context.Background()
	if r != nil {
		ctx = r.Context()
	}
	attrs := g.common[:len(g.common):len(g.common)]
	var reasoned interface{ Reason() string }
	if errors.As(err, &reasoned) {
		attrs = append(attrs, attribute.String("sessions.reason", reasoned.Reason()))
	}
	g.refusals.Add(ctx, 1, metric.WithAttributes(attrs...))
	return err
}
