package sessionstest

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestNewManagerClosesItself(t *testing.T) {
	var m *sessions.Manager
	t.Run("inner", func(t *testing.T) {
		m = NewManager(t)
		if err := m.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if err := m.Ping(t.Context()); !errors.Is(err, sessions.ErrClosed) {
		t.Errorf("after its test, Ping returned %v, want ErrClosed", err)
	}
}

func TestNewManagerIsConfigured(t *testing.T) {
	now := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	m := NewManager(t,
		func(o *sessions.Options) { o.Now = func() time.Time { return now } },
		func(o *sessions.Options) { o.Lifetime = time.Hour })
	c := NewClient(t, m, http.HandlerFunc(greet))
	c.Prepare(func(s *sessions.Session) { user.Set(s, "ann") })
	if res, _ := c.Do(httptest.NewRequest("GET", "/", nil)); res.Body.String() != "hello ann" {
		t.Errorf("the handler said %q", res.Body)
	}
	now = now.Add(time.Hour)
	if res, _ := c.Do(httptest.NewRequest("GET", "/", nil)); res.Body.String() != "hello " {
		t.Errorf("after the session's lifetime, the handler said %q", res.Body)
	}
	f := attempt(t, func(t testing.TB) {
		NewManager(t, func(o *sessions.Options) { o.Cookie.Name = "a b" })
	})
	f.says(t, "Name")
}

// The library's log records go to the test's log, not to the process's.
func TestErrorsAreInTheTestsLog(t *testing.T) {
	var global bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&global, nil)))
	defer slog.SetDefault(before)
	var res *httptest.ResponseRecorder
	f := attempt(t, func(t testing.TB) {
		m := NewManager(t)
		c := NewClient(t, m, http.HandlerFunc(greet))
		c.Prepare(func(s *sessions.Session) { user.Set(s, "ann") })
		m.Close()
		res, _ = c.Do(httptest.NewRequest("GET", "/", nil))
	})
	if len(f.messages) > 0 {
		t.Errorf("an outage failed the test: %q", f.messages)
	}
	if res.Code != http.StatusServiceUnavailable {
		t.Errorf("after Close: status %d, want the error page", res.Code)
	}
	if !strings.Contains(f.log.String(), "session store closed") || global.Len() > 0 {
		t.Errorf("the test's log is %q, the process's %q", f.log.String(), global.String())
	}
}
