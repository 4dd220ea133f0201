package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	_ "github.com/pump-go/sessions/memory"
)

// outage wraps a store whose calls fail when a test says so.
type outage struct {
	driver.Store
	down *atomic.Bool
}

var errDown = errors.New("connection refused")

func (o outage) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if o.down.Load() {
		return driver.Record{}, errDown
	}
	return o.Store.Load(ctx, key)
}

func (o outage) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if o.down.Load() {
		return errDown
	}
	return o.Store.Save(ctx, key, old, rec)
}

// To simulate an outage, wrap the store in one that fails. In your own test, pass these
// options to NewManager.
func Example_outage() {
	var down atomic.Bool
	m, err := sessions.New(context.Background(), sessions.Options{
		WrapStore: func(s driver.Store) driver.Store { return outage{s, &down} },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "Please try again in a minute.", http.StatusServiceUnavailable)
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()

	const visits sessions.Key[int] = "visits"
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "visit", visits.Update(sessions.FromContext(r.Context()), func(n int) int { return n + 1 }))
	}))
	r := httptest.NewRequest("GET", "/", nil)
	for _, is := range []bool{false, true, false} {
		down.Store(is)
		res := httptest.NewRecorder()
		h.ServeHTTP(res, r)
		fmt.Print(res.Code, " ", res.Body)
		for _, c := range res.Result().Cookies() {
			r.AddCookie(c) // the client keeps its session
		}
	}
	// Output:
	// 200 visit 1
	// 503 Please try again in a minute.
	// 200 visit 2
}
