package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
	"github.com/pump-go/sessions/memory"
)

var registryNames atomic.Int64

// registryName returns a name that is not registered, even with -count.
func registryName(prefix string) string { return fmt.Sprintf("%s.%d", prefix, registryNames.Add(1)) }

func TestRegisterPanics(t *testing.T) {
	d := testapp.NewStore(nil)
	for name, c := range map[string]struct {
		name string
		d    driver.Driver
	}{
		"taken":             {"memory", d},
		"nil driver":        {"registry-nil", nil},
		"no name":           {"", d},
		"capitals":          {"Redis", d},
		"leading digit":     {"9p", d},
		"space":             {"my store", d},
		"underscore":        {"my_store", d},
		"colon":             {"redis:", d},
		"not ASCII":         {"bücher", d},
		"invalid UTF-8":     {"re\xffdis", d},
		"nil and duplicate": {"memory", nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := sessions.Drivers()
			text := catchPanic(t, func() { sessions.Register(c.name, c.d) })
			if quoted := strings.Trim(fmt.Sprintf("%q", c.name), `"`); !strings.HasPrefix(text, "sessions: Register") || !strings.Contains(text, quoted) {
				t.Errorf("the panic does not name the driver: %s", text)
			}
			if after := sessions.Drivers(); !slices.Equal(before, after) {
				t.Errorf("got drivers %q, before it were %q", after, before)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	name := registryName("registry+test-1.0")
	var urls []string
	inner := testapp.NewStore(nil)
	sessions.Register(name, driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		urls = append(urls, cfg.URL)
		cfg.URL = ""
		return inner.Open(ctx, cfg)
	}))
	for _, o := range []sessions.Options{
		{Store: name},
		{URL: name + "://host/path"},
		{URL: strings.ToUpper(name) + ":opaque"},
		{Store: name, URL: "memory:"}, // the name decides
	} {
		m, err := sessions.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
	want := []string{"", name + "://host/path", strings.ToUpper(name) + ":opaque", "memory:"}
	if !slices.Equal(urls, want) {
		t.Errorf("got URLs %q, want %q", urls, want)
	}
}

func TestDriversAreSorted(t *testing.T) {
	d := testapp.NewStore(nil)
	mine := []string{registryName("registry-z"), registryName("registry-a"), registryName("registry-m")}
	for _, name := range mine {
		sessions.Register(name, d)
	}
	names := sessions.Drivers()
	if !slices.IsSorted(names) {
		t.Errorf("got %q, want sorted names", names)
	}
	for _, name := range append(mine, "memory") {
		if !slices.Contains(names, name) {
			t.Errorf("%q is not among %q", name, names)
		}
	}
	names[0] = "changed"
	if sessions.Drivers()[0] == "changed" {
		t.Error("a caller can change the list")
	}
}

func TestRegistryConcurrency(t *testing.T) {
	d := testapp.NewStore(nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			sessions.Register(registryName("registry-parallel"), d)
			sessions.Drivers()
			if _, err := sessions.New(t.Context(), sessions.Options{Store: "nowhere"}); err == nil {
				t.Error("New found a store that is not registered")
			}
		})
	}
	wg.Wait()
}

// schemes is a driver that lists these schemes.
type schemes struct {
	driver.Driver
	list []string
}

func (s schemes) Schemes() []string { return s.list }

func TestURLSchemeSelectsStore(t *testing.T) {
	inner := testapp.NewStore(nil)
	var opened string
	named := func(name string, list ...string) {
		sessions.Register(name, schemes{driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			opened, cfg.URL = name, ""
			return inner.Open(ctx, cfg)
		}), list})
	}
	one, two := registryName("scheme-one"), registryName("scheme-two")
	scheme, shared := registryName("sql"), registryName("shared")
	named(one, scheme, shared, two) // a store's own name comes first
	named(two, shared)
	for url, want := range map[string]string{
		scheme + "://host":                  one,
		strings.ToUpper(scheme) + ":opaque": one,
		scheme + "+python://host":           one,
		two + "://host":                     two,
		one + ":":                           one,
	} {
		m, err := sessions.New(t.Context(), sessions.Options{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		m.Close()
		if opened != want {
			t.Errorf("%s: got store %s, want %s", url, opened, want)
		}
		if name, err := sessions.StoreForURL(url); err != nil || name != want {
			t.Errorf("StoreForURL(%s): got %s, %v, want %s", url, name, err, want)
		}
	}
	err := invalidOptionsError(t, sessions.Options{URL: shared + "://user:hunter2@host"})
	for _, part := range []string{one + ", " + two, "set Options.Store"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not contain %q: %v", part, err)
		}
	}
	for _, url := range []string{"", "nothing", "nowhere://user:hunter2@host", "app:hunter2@tcp(db)/app"} {
		name, err := sessions.StoreForURL(url)
		if name != "" || !errors.Is(err, sessions.ErrUnknownStore) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("StoreForURL(%s): got %q, %v", url, name, err)
		}
	}
}

func TestNewWarnsWithoutStore(t *testing.T) {
	d := testapp.NewStore(nil)
	for name, c := range map[string]struct {
		o    sessions.Options
		warn int
	}{
		"nothing": {sessions.Options{}, 1},
		"Store":   {sessions.Options{Store: "memory"}, 0},
		"URL":     {sessions.Options{URL: "memory:"}, 0},
		"Driver":  {sessions.Options{Driver: d}, 0},
	} {
		var log testapp.Log
		c.o.Logger = log.Logger(slog.LevelDebug)
		m, err := sessions.New(t.Context(), c.o)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		if n := strings.Count(log.String(), "level=WARN"); n != c.warn || c.warn != strings.Count(log.String(), "kept in memory") {
			t.Errorf("%s: got log %q", name, log.String())
		}
	}
}

func TestTwoManagersOfOneName(t *testing.T) {
	for name, c := range map[string]struct {
		names []string // of the cookies and, after a space, the token headers, outermost first
		warn  int
	}{
		"two of one name":        {[]string{"a", "a"}, 1},
		"two of two names":       {[]string{"a", "b"}, 0},
		"one between":            {[]string{"a", "b", "a"}, 1},
		"three of one name":      {[]string{"a", "a", "a"}, 2},
		"the default twice":      {[]string{"", "pump-session"}, 1},
		"names differ in case":   {[]string{"a", "A"}, 0},
		"two of one header":      {[]string{"a X-Token", "b x-token"}, 1},
		"two of two headers":     {[]string{"a X-Token", "b X-Other"}, 0},
		"one header":             {[]string{"a", "b X-Token", "c"}, 0},
		"one name, two headers":  {[]string{"a X-Token", "a X-Other"}, 1},
		"one name, one header":   {[]string{"a X-Token", "a X-Token"}, 1},
		"one header, one beside": {[]string{"a X-Token", "b", "c X-Token"}, 1},
	} {
		var log testapp.Log
		handler := http.Handler(http.NotFoundHandler())
		for _, names := range slices.Backward(c.names) {
			cookie, header, _ := strings.Cut(names, " ")
			m, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: cookie}, TokenHeader: header, Logger: log.Logger(slog.LevelDebug)})
			handler = m.Wrap(m.Wrap(handler)) // twice does no harm
		}
		for range 3 { // says it once
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
		if n := strings.Count(log.String(), "level=WARN"); n != c.warn || c.warn != strings.Count(log.String(), "same cookie name or token header") {
			t.Errorf("%s: got %d warnings, want %d: %s", name, n, c.warn, log.String())
		}
	}
}

// upperStore wraps a store, like instrumentation.
type upperStore struct {
	driver.Store
	closed int
}

func (u *upperStore) Close() error {
	u.closed++
	return u.Store.Close()
}

func TestWrapStore(t *testing.T) {
	var inner driver.Store
	outer := new(upperStore)
	m, err := sessions.New(t.Context(), sessions.Options{
		Store: "memory",
		WrapStore: func(s driver.Store) driver.Store {
			inner, outer.Store = s, s
			return outer
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := testapp.NewClient(t, m)
	b.Visit(func(s *sessions.Session) { s.Set("user", "ada") })
	if b.User() != "ada" {
		t.Error("the session is not kept")
	}
	for range m.All(t.Context()) { // upperStore is no Lister
		continue
	}
	n := 0
	for range inner.(driver.Lister).All(t.Context()) {
		n++
	}
	if err := m.Close(); n != 1 || outer.closed != 1 || err != nil {
		t.Errorf("got %d records, closed %d times, %v, want 1, 1, nil", n, outer.closed, err)
	}
}

func TestWrapStoreMustReturnAStore(t *testing.T) {
	_, err := sessions.New(t.Context(), sessions.Options{Store: "memory", WrapStore: func(driver.Store) driver.Store { return nil }})
	if err == nil || !strings.Contains(err.Error(), "WrapStore") {
		t.Error(err)
	}
}

// unwrapping is a wrapper with an Unwrap method.
type unwrapping struct{ upperStore }

func (u *unwrapping) Unwrap() driver.Store { return u.Store }

// Optional interfaces are found through a wrapper with an Unwrap method.
func TestWrapStoreUnwraps(t *testing.T) {
	for _, store := range []string{"memory", "sealed"} {
		t.Run(store, func(t *testing.T) {
			opts := sessions.Options{Store: store, WrapStore: func(s driver.Store) driver.Store {
				return &unwrapping{upperStore{Store: s}}
			}}
			opts.Cookie.Secret = testapp.Secret
			m, err := sessions.New(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			b := testapp.NewClient(t, m)
			b.Visit(func(s *sessions.Session) { s.Set("user", "ada"); s.SetOwner("ada") })
			if b.User() != "ada" {
				t.Error("the session is not kept")
			}
			if store == "sealed" {
				return
			}
			n := 0
			for _, err := range m.All(t.Context()) {
				if n++; err != nil {
					t.Error(err)
				}
			}
			_, sweeping := m.Sweep(t.Context())
			gone, destroying := m.DestroyOwned(t.Context(), "ada")
			if n != 1 || gone != 1 || sweeping != nil || destroying != nil {
				t.Errorf("got %d listed, %d destroyed, %v, %v", n, gone, sweeping, destroying)
			}
		})
	}
}

// A wrapper that hides Sealer would lose sessions.
func TestWrapStoreMustNotHideASealer(t *testing.T) {
	opts := sessions.Options{Store: "sealed", WrapStore: func(s driver.Store) driver.Store { return &upperStore{Store: s} }}
	opts.Cookie.Secret = testapp.Secret
	if _, err := sessions.New(t.Context(), opts); !errors.Is(err, sessions.ErrInvalidOptions) || !strings.Contains(err.Error(), "Unwrap") {
		t.Error(err)
	}
}

func TestOpenStore(t *testing.T) {
	store, err := sessions.OpenStore(t.Context(), sessions.Options{Store: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := testapp.NewManager(t, sessions.Options{Driver: driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) {
		return store, nil
	})})
	testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Set("user", "alice") })

	var found []driver.Entry
	for e, err := range store.(driver.Lister).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, e)
	}
	if len(found) != 1 {
		t.Fatalf("got %d records, want 1", len(found))
	}
	s, err := m.Find(t.Context(), found[0].Key.String())
	if err != nil || s.Get("user") != "alice" {
		t.Errorf("session of the record's key: got user %v, %v", s.Get("user"), err)
	}
}

func TestOpenStoreValidates(t *testing.T) {
	o := sessions.Options{Store: "redis", Namespace: "A", IdleTimeout: -1}
	_, openErr := sessions.OpenStore(t.Context(), o)
	_, newErr := sessions.New(t.Context(), o)
	if openErr == nil || newErr == nil || openErr.Error() != newErr.Error() || !errors.Is(openErr, sessions.ErrInvalidOptions) {
		t.Errorf("Open: %v\nNew:  %v", openErr, newErr)
	}
	if s, err := sessions.OpenStore(t.Context(), sessions.Options{Driver: memory.New(memory.Options{MaxSessions: -1})}); s != nil || err == nil {
		t.Errorf("OpenStore of a failing store: got %v, %v", s, err)
	}
}
