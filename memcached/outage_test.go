package memcached_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/site"
)

// users creates sessions until each of two servers has at least n. It returns their
// browsers by server.
func users(t *testing.T, shop http.Handler, n int, servers [2]*instance) (at [2][]*site.Browser) {
	t.Helper()
	for len(at[0]) < n || len(at[1]) < n {
		before := servers[0].stat("total_items")
		b := &site.Browser{Site: shop}
		b.Wants(t, "/visit", "1 ")
		i := 1
		if servers[0].stat("total_items") > before {
			i = 0
		}
		at[i] = append(at[i], b)
	}
	return at
}

func pair(t *testing.T) (servers [2]*instance, url string) {
	servers = [2]*instance{start(t), start(t)}
	return servers, "memcached://" + servers[0].addr() + ";" + servers[1].addr()
}

func TestKilledServerAffectsOnlyItsSessions(t *testing.T) {
	servers, url := pair(t)
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	at := users(t, shop, 5, servers)
	servers[0].kill()
	for range 2 {
		for _, b := range at[0] {
			cookie := b.Cookie
			if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable {
				t.Errorf("a session of the killed server: %d %q", code, page)
			}
			if b.Cookie != cookie {
				t.Error("the cookie changed during the outage")
			}
		}
	}
	for _, b := range at[1] {
		b.Wants(t, "/visit", "2 ")
		b.Wants(t, "/visit", "3 ")
	}
}

func TestRecoveryFromRestart(t *testing.T) {
	servers, url := pair(t)
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	at := users(t, shop, 5, servers)
	for range 3 {
		servers[0].kill()
		servers[0].restart()
		for _, b := range at[0] {
			b.Wants(t, "/visit", "1 ") // the old session was lost
			b.Wants(t, "/visit", "2 ")
		}
		for _, b := range at[1] {
			b.Wants(t, "/", "1 ")
		}
		for i := range at[0] { // the new session may be on the other server
			at[0][i] = users(t, shop, 1, servers)[0][0]
		}
	}
}

func TestRestartUnderLoad(t *testing.T) {
	servers, url := pair(t)
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	site.ServesThroughRestarts(t, shop, 8, 6, 200, func(i int) {
		servers[i%2].kill()
		time.Sleep(20 * time.Millisecond)
		servers[i%2].restart()
	})
}

func TestServerStartsAfterTheProgram(t *testing.T) {
	server := start(t)
	server.kill()
	shop := site.New(site.Manager(t, sessions.Options{URL: "memcached://" + server.addr()}))
	b := &site.Browser{Site: shop}
	if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable || b.Cookie != "" {
		t.Errorf("with the server down: %d %q, cookie %q", code, page, b.Cookie)
	}
	server.restart()
	b.Wants(t, "/visit", "1 ")
	b.Wants(t, "/visit", "2 ")
}
