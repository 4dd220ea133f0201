package otelsessions

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/pump-go/sessions/driver"
)

// Options selects where spans and measurements are sent. The zero value is usable.
type Options struct {
	// Name is the attribute sessions.store, which distinguishes the stores of several
	// managers. By default there is no such attribute.
	Name string
	// TracerProvider defaults to the global one.
	TracerProvider trace.TracerProvider
	// MeterProvider defaults to the global one.
	MeterProvider metric.MeterProvider
}

// common returns the attributes of all measurements.
func (o Options) common() []attribute.KeyValue {
	if o.Name == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("sessions.store", o.Name)}
}

// scope is the package's instrumentation scope.
const scope = "github.com/pump-go/sessions/otelsessions"

// buckets are in seconds, from a map in memory to a server that hangs.
var buckets = []float64{1e-6, 1e-5, 1e-4, 5e-4, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// WrapStore returns a function for sessions.Options.WrapStore. It panics if the
// MeterProvider cannot create the histogram.
func WrapStore(o Options) func(driver.Store) driver.Store {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	duration, err := o.MeterProvider.Meter(scope).Float64Histogram("sessions.store.operation.duration",
		metric.WithDescription("How long calls of the session store take."),
		metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...))
	if err != nil {
		panic("otelsessions: " + err.Error())
	}
	r := recorder{tracer: o.TracerProvider.Tracer(scope), duration: duration, common: o.common()}
	return func(inner driver.Store) driver.Store {
		s := store{inner: inner, recorder: r}
		if sealer, ok := driver.As[driver.Sealer](inner); ok {
			return sealing{store: s, sealer: sealer}
		}
		return s
	}
}

// recorder makes the spans and measurements.
type recorder struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	common   []attribute.KeyValue
}

// call is one call of the store.
type call struct {
	*recorder
	ctx       context.Context // with the span, if there is one
	span      trace.Span
	operation string
	began     time.Time
}

// begin starts the span of a call.
func (r *recorder) begin(ctx context.Context, operation string, about ...attribute.KeyValue) call {
	c := call{recorder: r, operation: operation, began: time.Now()}
	c.ctx, c.span = r.tracer.Start(ctx, "sessions "+operation, trace.WithTimestamp(c.began))
	if c.span.IsRecording() {
		c.span.SetAttributes(r.common...)
		c.span.SetAttributes(attribute.String("sessions.operation", operation))
		c.span.SetAttributes(about...)
	}
	return c
}

// end records how the call went.
func (c *call) end(err error) {
	now := time.Now()
	said := attribute.String("sessions.outcome", outcome(err))
	attrs := append(c.common[:len(c.common):len(c.common)], attribute.String("sessions.operation", c.operation), said)
	c.duration.Record(c.ctx, now.Sub(c.began).Seconds(), metric.WithAttributes(attrs...))
	if c.span == nil {
		return
	}
	if c.span.IsRecording() {
		c.span.SetAttributes(said)
		if isFailure(err) {
			c.span.RecordError(err, trace.WithTimestamp(now))
			c.span.SetStatus(codes.Error, said.Value.AsString())
		}
	}
	c.span.End(trace.WithTimestamp(now))
}

// session is the attribute for the public ID of the session at key.
func session(key driver.Key) attribute.KeyValue { return attribute.Stringer("session.id", key) }
