package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/memory"
)

func Example() {
	m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", m.Wrap(http.DefaultServeMux)))
}

// A limit keeps clients that start many sessions from using up the memory. At the
// limit new clients get an error page; existing sessions keep working.
func ExampleNew() {
	m, err := sessions.New(context.Background(), sessions.Options{
		Driver: memory.New(memory.Options{MaxSessions: 1}), // or Store: "memory", URL: "memory:?max=1"
		Logger: slog.New(slog.DiscardHandler),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Println("full:", errors.Is(err, memory.ErrFull))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	handler := m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("seen", true)
	}))
	for range 2 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// full: true
	// 503
}
