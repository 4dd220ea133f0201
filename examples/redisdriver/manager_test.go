package redisdriver_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/examples/redisdriver"
)

// The store as a program uses it: through the manager, over HTTP.

const visits sessions.Key[int] = "visits"

// site counts visits; /in?name signs in, /out signs out on all other devices.
type site struct {
	*sessions.Manager
	url string
}

func open(t testing.TB, o sessions.Options) site {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	server := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/visit":
			visits.Update(s, func(n int) int { return n + 1 })
		case "/in":
			s.Renew()
			_ = s.SetOwner(r.URL.RawQuery)
		case "/out":
			if _, err := m.DestroyOwned(r.Context(), s.Owner(), s); err != nil {
				panic(err)
			}
		}
		n, _ := visits.Get(s)
		fmt.Fprint(w, n, s.Owner())
	})))
	t.Cleanup(server.Close)
	return site{m, server.URL}
}

// browser keeps the cookie.
type browser struct {
	t    testing.TB
	site site
	http.Client
}

func (s site) visitor(t testing.TB) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{t: t, site: s, Client: http.Client{Jar: jar}}
}

func (b *browser) get(path string) (status int, page string) {
	b.t.Helper()
	answer, err := b.Client.Get(b.site.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (b *browser) sees(path, want string) {
	b.t.Helper()
	if status, page := b.get(path); status != http.StatusOK || page != want {
		b.t.Errorf("%s: %d %q, want %q", path, status, page, want)
	}
}

// fails wants the error page, and the cookie left alone.
func (b *browser) fails(path string) {
	b.t.Helper()
	before := b.cookies()
	if status, page := b.get(path); status != http.StatusServiceUnavailable {
		b.t.Errorf("%s: %d %q, want the error page", path, status, page)
	}
	if after := b.cookies(); after != before {
		b.t.Errorf("%s: the outage made %q of the cookies %q", path, after, before)
	}
}

func (b *browser) cookies() string {
	u, _ := url.Parse(b.site.url)
	return fmt.Sprint(b.Jar.Cookies(u))
}

// token is what the session's cookie holds.
func (b *browser) token() string {
	u, _ := url.Parse(b.site.url)
	for _, c := range b.Jar.Cookies(u) {
		return c.Value
	}
	return ""
}

func TestSignOutOtherDevices(t *testing.T) {
	site := open(t, sessions.Options{URL: startRedis(t).url()})
	phone, laptop, other := site.visitor(t), site.visitor(t), site.visitor(t)
	for _, b := range []*browser{phone, laptop, other} {
		b.sees("/visit", "1")
	}
	phone.sees("/in?ann", "1ann")
	laptop.sees("/in?ann", "1ann")
	other.sees("/in?bob", "1bob")
	laptop.sees("/out", "1ann")
	phone.sees("/", "0")
	laptop.sees("/", "1ann")
	other.sees("/", "1bob")
	n := 0
	for _, err := range site.All(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d sessions are listed, want 2", n)
	}
}

// What is written is what the package documentation says, and nothing of it
// outlives the session.
func TestLayout(t *testing.T) {
	server := startRedis(t)
	site := open(t, sessions.Options{URL: server.url(), Namespace: "shop"})
	b := site.visitor(t)
	b.sees("/visit", "1")
	b.sees("/in?ann", "1ann")
	client := server.client()
	defer client.Close()
	for s, err := range site.Owned(t.Context(), "ann") {
		if err != nil {
			t.Fatal(err)
		}
		owner, err := client.HGet(t.Context(), "sessions:shop:"+s.ID(), "owner").Result()
		if err != nil || owner != "ann" {
			t.Errorf("its owner is %q, %v", owner, err)
		}
		if life := client.TTL(t.Context(), "sessions:shop:"+s.ID()).Val(); life != -1 {
			t.Errorf("it has %v to live, by the server's clock", life)
		}
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if left, err := client.Keys(t.Context(), "*").Result(); err != nil || len(left) > 0 {
		t.Errorf("%v is left after the last session, %v", left, err)
	}
}

func TestTheProgramsOwnClient(t *testing.T) {
	server := startRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.addr, MaxRetries: -1, ContextTimeoutEnabled: true})
	defer client.Close()
	site := open(t, sessions.Options{Driver: redisdriver.New(client)})
	site.visitor(t).sees("/visit", "1")
	if err := site.Close(); err != nil {
		t.Error(err)
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after the manager's Close: %v", err)
	}

	repeats := redis.NewClient(&redis.Options{Addr: server.addr})
	defer repeats.Close()
	_, err := sessions.New(t.Context(), sessions.Options{Driver: redisdriver.New(repeats)})
	if err == nil || !strings.Contains(err.Error(), "MaxRetries") {
		t.Errorf("a client that repeats commands: %v", err)
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{
		"", "redis:", "redis://:secret@host:port", "redis://:secret@host/number", "redis://:secret@host?colour=red",
		"http://:secret@host", "redis://:secret@ho st",
	} {
		_, err := redisdriver.New(nil).Open(context.Background(), config(bad))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want an error that keeps the password to itself", bad, err)
		}
	}
	for _, good := range []string{"redis://host", "rediss://user:secret@host:7/3?pool_size=5", "unix:///run/redis.sock?db=1"} {
		s, err := redisdriver.New(nil).Open(context.Background(), config(good))
		if err != nil {
			t.Errorf("%q: %v", good, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Errorf("%q: Close: %v", good, err)
		}
	}
}

// The record decides whose it is, and whether it is there: with what an evicting
// Redis has left of an index, nobody else's session is signed out.
func TestTheIndexIsCheckedAgainstTheRecord(t *testing.T) {
	server := startRedis(t)
	site := open(t, sessions.Options{URL: server.url()})
	ann, bob := site.visitor(t), site.visitor(t)
	ann.sees("/in?ann", "0ann")
	bob.sees("/in?bob", "0bob")
	client := server.client()
	defer client.Close()
	for s := range site.Owned(t.Context(), "bob") {
		key, err := driver.ParseKey(s.ID())
		if err != nil {
			t.Fatal(err)
		}
		for _, stale := range []string{string(key[:]), strings.Repeat("x", len(key))} {
			if err := client.ZAdd(t.Context(), "sessions::index", redis.Z{Member: "o\x03ann" + stale}).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := site.DestroyOwned(t.Context(), "ann"); n != 1 || err != nil {
		t.Errorf("%d sessions of one were signed out, %v", n, err)
	}
	ann.sees("/", "0")
	bob.sees("/", "0bob")
}
