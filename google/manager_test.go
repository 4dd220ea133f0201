//go:build unix

package google_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
)

// The store as a program uses it: through the manager, over HTTP.

const (
	visits sessions.Key[int]    = "visits"
	user   sessions.Key[string] = "user"
)

func manager(t testing.TB, o sessions.Options) *sessions.Manager {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	if o.StoreTimeout == 0 {
		o.StoreTimeout = 20 * time.Second // an emulator is slow while it is cold, or the machine busy
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// app is a site that counts visits; /as?name signs in, /out signs out.
func app(m *sessions.Manager) http.Handler {
	return m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/visit":
			visits.Update(s, func(n int) int { return n + 1 })
		case "/as":
			user.Set(s, r.URL.RawQuery)
			s.SetOwner(r.URL.RawQuery)
			s.Renew()
		case "/out":
			_ = s.Destroy(r.Context())
		}
		n, _ := visits.Get(s)
		name, _ := user.Get(s)
		fmt.Fprintf(w, "%d %s", n, name)
	}))
}

// browser keeps the cookie.
type browser struct {
	app    http.Handler
	cookie string
}

func (b *browser) get(path string) (int, string) {
	r := httptest.NewRequest("GET", path, nil)
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookie = ""
		if c.MaxAge >= 0 {
			b.cookie = c.Name + "=" + c.Value
		}
	}
	return w.Code, w.Body.String()
}

func (b *browser) wants(t *testing.T, path, want string) {
	t.Helper()
	if code, page := b.get(path); code != 200 || page != want {
		t.Errorf("%s: %d %q, want %q", path, code, page, want)
	}
}

func (b *browser) token() string {
	_, token, _ := strings.Cut(b.cookie, "=")
	return token
}

// onBoth runs a test on each of the emulators.
func onBoth(t *testing.T, test func(t *testing.T, server *servers.Server)) {
	for _, e := range emulators {
		t.Run(e.name, func(t *testing.T) { test(t, e.shared(t)) })
	}
}

func TestASessionsLife(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		m := manager(t, sessions.Options{URL: urlOf(server, "&kind="+kind())})
		site := app(m)
		var ann []*browser
		for range 3 {
			b := &browser{app: site}
			b.wants(t, "/visit", "1 ")
			b.wants(t, "/visit", "2 ")
			old := *b
			b.wants(t, "/as?ann", "2 ann")
			old.wants(t, "/", "0 ")
			ann = append(ann, b)
		}
		bob := &browser{app: site}
		bob.wants(t, "/as?bob", "0 bob")
		gone := *ann[0]
		ann[0].wants(t, "/out", "0 ")
		gone.wants(t, "/", "0 ")
		n := 0
		for _, err := range m.All(t.Context()) {
			if n++; err != nil {
				t.Error(err)
			}
		}
		if n != 3 {
			t.Errorf("%d sessions, want 3", n)
		}
		if n, err := m.DestroyOwned(t.Context(), "ann"); n != 2 || err != nil {
			t.Errorf("signing ann out everywhere ended %d sessions, %v", n, err)
		}
		ann[1].wants(t, "/", "0 ")
		bob.wants(t, "/", "0 bob")
	})
}

func TestContendedCountersAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		url := urlOf(server, "&kind="+kind())
		one, two := manager(t, sessions.Options{URL: url}), manager(t, sessions.Options{URL: url})
		b := &browser{app: app(one)}
		b.wants(t, "/visit", "1 ")
		const callers, each = 8, 15
		var wg sync.WaitGroup
		for i := range callers {
			mine := *b
			mine.app = app([]*sessions.Manager{one, two}[i%2])
			wg.Go(func() {
				for range each {
					if code, page := mine.get("/visit"); code != 200 {
						t.Errorf("%d %s", code, page)
					}
				}
			})
		}
		wg.Wait()
		b.wants(t, "/", fmt.Sprintf("%d ", 1+callers*each))
	})
}

// In transactions too, which a pessimistic server has wait for each other.
func TestContendedCountersAreExactInTransactions(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		m := manager(t, sessions.Options{Driver: google.New(clientOf(t, server.Addr), google.Options{Kind: kind()})})
		b := &browser{app: app(m)}
		b.wants(t, "/visit", "1 ")
		const callers, each = 4, 10
		var wg sync.WaitGroup
		for range callers {
			mine := *b
			wg.Go(func() {
				for range each {
					if code, page := mine.get("/visit"); code != 200 {
						t.Errorf("%d %s", code, page)
					}
				}
			})
		}
		wg.Wait()
		b.wants(t, "/", fmt.Sprintf("%d ", 1+callers*each))
	})
}

// Stores that save in one commit and stores that save in transactions may share
// an optimistic server. A pessimistic one they should not: see the package
// documentation.
func TestBothWaysOnOneServer(t *testing.T) {
	server, k := servers.Datastore(t), kind()
	var sites []http.Handler
	for _, opts := range ways {
		sites = append(sites, app(manager(t, sessions.Options{Driver: google.New(clientOf(t, server.Addr, opts...), google.Options{Kind: k})})))
	}
	b := &browser{app: sites[0]}
	b.wants(t, "/visit", "1 ")
	const callers, each = 4, 15
	var wg sync.WaitGroup
	for i := range callers {
		mine := *b
		mine.app = sites[i%2]
		wg.Go(func() {
			for range each {
				if code, page := mine.get("/visit"); code != 200 {
					t.Errorf("%d %s", code, page)
				}
			}
		})
	}
	wg.Wait()
	b.wants(t, "/", fmt.Sprintf("%d ", 1+callers*each))
}

// countEnv makes this test's program a second process that counts in a session.
const countEnv = "GOOGLE_TEST_COUNT"

func TestTwoProcessesCountExactly(t *testing.T) {
	const each = 50
	count := func(m *sessions.Manager, token string) error {
		for range each {
			s, err := m.Load(context.Background(), token)
			if err != nil {
				return err
			}
			visits.Update(s, func(n int) int { return n + 1 })
			if err := s.Save(context.Background()); err != nil {
				return err
			}
		}
		return nil
	}
	if order := os.Getenv(countEnv); order != "" {
		url, token, _ := strings.Cut(order, " ")
		m := manager(t, sessions.Options{URL: url})
		fmt.Println("ready")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if err := count(m, token); err != nil {
			t.Fatal(err)
		}
		return
	}
	onBoth(t, func(t *testing.T, server *servers.Server) {
		url := urlOf(server, "&kind="+kind())
		m := manager(t, sessions.Options{URL: url})
		b := &browser{app: app(m)}
		b.wants(t, "/visit", "1 ")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesCountExactly$")
		cmd.Env = append(os.Environ(), countEnv+"="+url+" "+b.token())
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(out)
		if line, err := said.ReadString('\n'); line != "ready\n" {
			t.Fatalf("the second process: %q, %v", line, err)
		}
		_, _ = io.WriteString(in, "go\n")
		if err := count(m, b.token()); err != nil {
			t.Error(err)
		}
		rest, _ := io.ReadAll(said)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the second process: %v\n%s", err, rest)
		}
		b.wants(t, "/", strconv.Itoa(1+2*each)+" ")
	})
}

// Whoever signs out is out, whatever other requests of the session are under
// way or come later.
func TestSigningOutWinsEveryRace(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		url := urlOf(server, "&kind="+kind())
		one, two := app(manager(t, sessions.Options{URL: url, Timeout: time.Second})), app(manager(t, sessions.Options{URL: url, Timeout: time.Second}))
		for range 30 {
			b := &browser{app: one}
			b.wants(t, "/visit", "1 ")
			var wg sync.WaitGroup
			for i := range 4 {
				mine := *b
				if i%2 == 1 {
					mine.app = two
				}
				wg.Go(func() {
					for range 3 {
						old := mine.cookie
						code, page := mine.get("/visit")
						if code != 200 && code != http.StatusConflict {
							t.Errorf("%d %s", code, page)
						}
						mine.cookie = old // stays with the session that is signed out of
					}
				})
			}
			out := *b
			if code, page := out.get("/out"); code != 200 {
				t.Errorf("signing out: %d %s", code, page)
			}
			after := *b
			after.app = two
			after.wants(t, "/", "0 ")
			wg.Wait()
			after = *b
			after.wants(t, "/", "0 ")
		}
	})
}

func TestTheProgramsOwnClientStaysOpen(t *testing.T) {
	server := servers.Datastore(t)
	client := clientOf(t, server.Addr, google.ClientOptions()...)
	o := google.Options{Kind: kind()}
	m := manager(t, sessions.Options{Driver: google.New(client, o)})
	b := &browser{app: app(m)}
	b.wants(t, "/visit", "1 ")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	b.app = app(manager(t, sessions.Options{Driver: google.New(client, o)}))
	b.wants(t, "/visit", "2 ")
	// The registered driver finds what the program's client stored.
	b.app = app(manager(t, sessions.Options{URL: urlOf(server, "&kind="+o.Kind)}))
	b.wants(t, "/visit", "3 ")

	for fault, o := range map[string]sessions.Options{
		"a client was given": {URL: "google://p1", Driver: google.New(client, google.Options{})},
		"kind":               {Driver: google.New(client, google.Options{Kind: "__kind__"})},
		"both":               {Driver: google.New(client, google.Options{Namespace: "a"}), Namespace: "b"},
		"project":            {URL: "google://P"},
	} {
		if _, err := sessions.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%v, want it to say %s", err, fault)
		}
	}
}

// Namespaces are Datastore's own, whoever names them; kinds and databases keep
// sessions apart too.
func TestPlacesAreApart(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		k := kind()
		var all []*browser
		for i, o := range []sessions.Options{
			{URL: urlOf(server, "&kind="+k)},
			{URL: urlOf(server, "&kind="+k+"2")},
			{URL: urlOf(server, "&kind="+k+"&namespace=shop")},
			{URL: urlOf(server, "&kind="+k), Namespace: "blog"},
			{URL: "google://test-project/other-db?emulator=" + server.Addr + "&kind=" + k},
		} {
			b := &browser{app: app(manager(t, o))}
			for n := range i + 1 {
				b.wants(t, "/visit", fmt.Sprint(n+1, " "))
			}
			all = append(all, b)
		}
		for i, b := range all {
			for j, other := range all {
				there := &browser{app: other.app, cookie: b.cookie}
				want := "0 "
				if i == j {
					want = fmt.Sprint(i+1, " ")
				}
				there.wants(t, "/", want)
			}
		}
		same := &browser{app: app(manager(t, sessions.Options{URL: urlOf(server, "&kind="+k), Namespace: "shop"})), cookie: all[2].cookie}
		same.wants(t, "/", "3 ")
	})
}

func TestATTLPolicyInPlaceOfTheSweep(t *testing.T) {
	server := servers.Datastore(t)
	now := time.Now()
	o := sessions.Options{URL: urlOf(server, "&ttl=yes&kind="+kind()), Timeout: time.Minute, Now: func() time.Time { return now }}
	m := manager(t, o)
	b := &browser{app: app(m)}
	b.wants(t, "/visit", "1 ")
	if _, err := m.Sweep(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Sweep: %v", err)
	}
	now = now.Add(time.Hour)
	b.wants(t, "/", "0 ") // whether it was removed or not
}
