package memcached_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/memcached"
)

// The store as a program uses it: through the manager, over HTTP.

const (
	visits sessions.Key[int]    = "visits"
	user   sessions.Key[string] = "user"
)

func manager(t testing.TB, o sessions.Options) *sessions.Manager {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
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

func TestSessionsOverTwoServers(t *testing.T) {
	url := "memcached://" + start(t).addr() + ";" + start(t).addr()
	site := app(manager(t, sessions.Options{URL: url}))
	for i := range 50 {
		b := &browser{app: site}
		b.wants(t, "/visit", "1 ")
		b.wants(t, "/visit", "2 ")
		old := *b
		b.wants(t, fmt.Sprintf("/as?%d", i), fmt.Sprintf("2 %d", i))
		old.wants(t, "/", "0 ")
		b.wants(t, "/", fmt.Sprintf("2 %d", i))
		gone := *b
		b.wants(t, "/out", "0 ")
		gone.wants(t, "/", "0 ")
	}
}

// The socket leads to a server, which is one as good as another.
func TestAServerBehindASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "m") // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip("no sockets in files here: ", err)
	}
	defer l.Close()
	server := start(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", server.addr())
			if err != nil {
				c.Close()
				return
			}
			go func() { _, _ = io.Copy(back, c); back.Close() }()
			go func() { _, _ = io.Copy(c, back); c.Close() }()
		}
	}()
	m := manager(t, sessions.Options{Store: "memcached", URL: "unix:" + filepath.ToSlash(l.Addr().String())})
	b := &browser{app: app(m)}
	b.wants(t, "/visit", "1 ")
	b.wants(t, "/visit", "2 ")
	if server.stat("curr_items") != 1 {
		t.Error("it is not in the server")
	}
}

func TestTheRawKeyIsNamespaceAndID(t *testing.T) {
	server := start(t)
	m := manager(t, sessions.Options{URL: "memcached://" + server.addr(), Namespace: "shop-1"})
	b := &browser{app: app(m)}
	b.wants(t, "/visit", "1 ")
	s, err := m.Load(t.Context(), b.token())
	if err != nil {
		t.Fatal(err)
	}
	if answer := server.ask("get shop-1:%s", s.ID()); !strings.HasPrefix(answer, "VALUE ") {
		t.Errorf("the server says %q", answer)
	}
	// Somebody else's item in its place is a damaged session, and starts anew.
	if answer := server.ask("set shop-1:%s 0 0 5\r\nhello", s.ID()); answer != "STORED" {
		t.Errorf("the server says %q", answer)
	}
	b.wants(t, "/visit", "1 ")
	b.wants(t, "/visit", "2 ")
}

func TestThereIsNoListing(t *testing.T) {
	m := manager(t, sessions.Options{URL: "memcached://" + start(t).addr()})
	for _, err := range m.All(t.Context()) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("All: %v", err)
		}
	}
	for _, err := range m.Owned(t.Context(), "ann") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Owned: %v", err)
		}
	}
	if _, err := m.DestroyOwned(t.Context(), "ann"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("DestroyOwned: %v", err)
	}
}

func TestTheProgramsOwnClientStaysOpen(t *testing.T) {
	servers := start(t).addr() + ";" + start(t).addr()
	client, err := clientOf(servers)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m := manager(t, sessions.Options{Driver: memcached.New(client, memcached.Options{})})
	b := &browser{app: app(m)}
	b.wants(t, "/visit", "1 ")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := client.Ping(); err != nil {
		t.Errorf("after the manager's Close: %v", err)
	}
	// The registered driver finds what the program's client stored.
	b.app = app(manager(t, sessions.Options{URL: "memcached://" + servers}))
	b.wants(t, "/visit", "2 ")

	_, err = sessions.New(t.Context(), sessions.Options{URL: "memcached://a", Driver: memcached.New(client, memcached.Options{})})
	if err == nil || !strings.Contains(err.Error(), "a client was given") {
		t.Errorf("a client and a URL: %v", err)
	}
	_, err = sessions.New(t.Context(), sessions.Options{Driver: memcached.New(client, memcached.Options{MaxItemSize: 1})})
	if err == nil || !strings.Contains(err.Error(), "MaxItemSize") {
		t.Errorf("an item size of 1: %v", err)
	}
}

func TestContendedCountersAreExact(t *testing.T) {
	url := "memcached://" + start(t).addr() + ";" + start(t).addr()
	one, two := manager(t, sessions.Options{URL: url}), manager(t, sessions.Options{URL: url})
	b := &browser{app: app(one)}
	b.wants(t, "/visit", "1 ")
	const callers, each = 8, 25
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
}

// countEnv makes this test's program a second process that counts in a session.
const countEnv = "MEMCACHED_TEST_COUNT"

func TestTwoProcessesCountExactly(t *testing.T) {
	const each = 100
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
	url := "memcached://" + start(t).addr() + ";" + start(t).addr()
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
}

// Whoever signs out is out, whatever other requests of the session are under
// way or come later.
func TestSigningOutWinsEveryRace(t *testing.T) {
	url := "memcached://" + start(t).addr() + ";" + start(t).addr()
	one, two := app(manager(t, sessions.Options{URL: url, Timeout: time.Second})), app(manager(t, sessions.Options{URL: url, Timeout: time.Second}))
	for range 100 {
		b := &browser{app: one}
		b.wants(t, "/visit", "1 ")
		var wg sync.WaitGroup
		for i := range 6 {
			mine := *b
			if i%2 == 1 {
				mine.app = two
			}
			wg.Go(func() {
				for range 4 {
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
}
