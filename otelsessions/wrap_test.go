package otelsessions_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
	"github.com/pump-go/sessions/otelsessions"
	"github.com/pump-go/sessions/sessionstest"
)

// telemetry records spans and metrics in memory.
type telemetry struct {
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
	tracer *sdktrace.TracerProvider
	meter  *sdkmetric.MeterProvider
}

func newTelemetry(t testing.TB) *telemetry {
	tel := &telemetry{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tel.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tel.spans))
	tel.meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(tel.reader))
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(tel.tracer.Shutdown(ctx), tel.meter.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
	})
	return tel
}

func (tel *telemetry) options() otelsessions.Options {
	return otelsessions.Options{Name: "shop", TracerProvider: tel.tracer, MeterProvider: tel.meter}
}

// counts returns the number of calls by operation and outcome.
func (tel *telemetry) counts(t testing.TB) map[string]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := tel.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]uint64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "sessions.store.operation.duration" || m.Unit != "s" {
				t.Errorf("an instrument %s in %s", m.Name, m.Unit)
			}
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				get := func(key string) string {
					v, _ := p.Attributes.Value(attribute.Key(key))
					return v.AsString()
				}
				if get("sessions.store") != "shop" {
					t.Errorf("sessions.store is %q", get("sessions.store"))
				}
				counts[get("sessions.operation")+" "+get("sessions.outcome")] = p.Count
			}
		}
	}
	return counts
}

// shop is a manager with one client.
type shop struct {
	t      *testing.T
	m      *sessions.Manager
	cookie *http.Cookie
}

func (s *shop) visit(ctx context.Context, h func(*sessions.Session)) int {
	s.t.Helper()
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	w := httptest.NewRecorder()
	s.m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { h(sessions.FromContext(r.Context())) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		s.cookie = c
	}
	return w.Code
}

func open(t *testing.T, o sessions.Options) *shop {
	t.Helper()
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &shop{t: t, m: m}
}

func TestSpansAndMetrics(t *testing.T) {
	tel := newTelemetry(t)
	s := open(t, sessions.Options{Store: "memory", SweepInterval: -1, WrapStore: otelsessions.WrapStore(tel.options())})
	ctx, request := tel.tracer.Tracer("test").Start(t.Context(), "GET /")
	var id string
	s.visit(ctx, func(s *sessions.Session) { s.Set("user", "ada"); s.SetOwner("ada"); id = s.ID() })
	s.visit(ctx, func(s *sessions.Session) { s.Set("user", "ada lovelace") })
	for _, err := range s.m.Owned(ctx, "ada") {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := s.m.Sweep(ctx); err != nil {
		t.Error(err)
	}
	s.visit(ctx, func(s *sessions.Session) { s.Renew() })
	s.visit(ctx, func(s *sessions.Session) { s.Destroy(ctx) })
	s.cookie = nil
	if err := s.m.Ping(ctx); err != nil {
		t.Error(err)
	}
	request.End()

	// Destroy of a session that was not loaded loads it first.
	want := []string{"sessions create", "sessions load", "sessions save", "sessions owned", "sessions sweep", "sessions load", "sessions renew", "sessions load", "sessions delete", "sessions load", "GET /"}
	var got []string
	for _, span := range tel.spans.Ended() {
		got = append(got, span.Name())
		if span.Name() == "GET /" {
			continue
		}
		if span.Parent().SpanID() != request.SpanContext().SpanID() {
			t.Errorf("%s is not a child of the request's span", span.Name())
		}
		if span.Status().Code == codes.Error {
			t.Errorf("%s is an error: %s", span.Name(), span.Status().Description)
		}
		if span.Name() == "sessions save" && !slices.Contains(span.Attributes(), attribute.String("session.id", id)) {
			t.Errorf("the save lacks the session's id: %v", span.Attributes())
		}
		if span.Name() == "sessions owned" && !slices.Contains(span.Attributes(), attribute.Int("sessions.count", 1)) {
			t.Errorf("the listing lacks its count: %v", span.Attributes())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans %q, want %q", got, want)
	}
	counts := tel.counts(t)
	wantCounts := map[string]uint64{"create ok": 1, "load ok": 3, "save ok": 1, "renew ok": 1, "owned ok": 1, "sweep ok": 1, "delete ok": 1, "load not_found": 1}
	if !maps.Equal(counts, wantCounts) {
		t.Errorf("calls %v, want %v", counts, wantCounts)
	}
}

// downStore is a store whose Load fails.
type downStore struct{ driver.Store }

var errDown = errors.New("connection refused")

func (downStore) Load(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, errDown
}

func TestFailureIsAnErrorSpan(t *testing.T) {
	tel := newTelemetry(t)
	wrap := otelsessions.WrapStore(tel.options())
	s := open(t, sessions.Options{Store: "memory", WrapStore: func(inner driver.Store) driver.Store { return wrap(downStore{inner}) }})
	if err := s.m.Ping(t.Context()); !errors.Is(err, errDown) {
		t.Error(err)
	}
	spans := tel.spans.Ended()
	if len(spans) != 1 || spans[0].Status().Code != codes.Error || len(spans[0].Events()) != 1 {
		t.Errorf("spans: %v", spans)
	}
	if counts := tel.counts(t); counts["load error"] != 1 {
		t.Errorf("%v", counts)
	}
	// Interfaces that the inner store lacks return errors.ErrUnsupported.
	if _, err := s.m.Sweep(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("sweep: %v", err)
	}
	for _, err := range s.m.All(t.Context()) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("list: %v", err)
		}
	}
	outer := wrap(downStore{}).(driver.Renewer)
	if err := outer.Renew(t.Context(), driver.Key{}, 1, driver.Record{}, driver.Key{}, driver.Record{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("renew: %v", err)
	}
}

func TestCookieStore(t *testing.T) {
	tel := newTelemetry(t)
	s := open(t, sessions.Options{
		Store: "cookie", WrapStore: otelsessions.WrapStore(tel.options()),
		Cookie: sessions.Cookie{Secret: []byte("a secret of thirty-two bytes or more")},
	})
	s.visit(t.Context(), func(s *sessions.Session) { s.Set("user", "ada") })
	s.visit(t.Context(), func(s *sessions.Session) {
		if s.Get("user") != "ada" {
			t.Error("the session is not kept")
		}
	})
	if counts := tel.counts(t); counts["seal ok"] != 1 || counts["unseal ok"] != 1 {
		t.Errorf("%v", counts)
	}
}

// The wrapped store keeps the whole contract.
func TestContract(t *testing.T) {
	tel := newTelemetry(t)
	wrap := otelsessions.WrapStore(tel.options())
	sessionstest.Run(t, sessionstest.Harness{
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			s, err := memory.New(memory.Options{}).Open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return wrap(s), nil
		}),
		Cannot: map[sessionstest.Ability]string{
			sessionstest.Share:  "memory is a process's own",
			sessionstest.Reopen: "memory ends with its store",
		},
	})
}
