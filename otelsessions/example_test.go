package otelsessions_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/memory"
	"github.com/pump-go/sessions/otelsessions"
)

func Example() {
	// A program uses its own set-up of OpenTelemetry instead.
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))

	m, err := sessions.New(context.Background(), sessions.Options{
		Store:     "memory",
		WrapStore: otelsessions.WrapStore(otelsessions.Options{TracerProvider: provider}),
	})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	h := m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("user", "ada")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output: sessions create
}
