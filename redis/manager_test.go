//go:build unix

package redis_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

// Tests of the store through the manager, over HTTP.

func TestSignOutOtherDevices(t *testing.T) {
	_, url := own(t)
	m := site.Manager(t, sessions.Options{URL: url})
	shop := site.New(m)
	phone, laptop, other := &site.Browser{Site: shop}, &site.Browser{Site: shop}, &site.Browser{Site: shop}
	for _, b := range []*site.Browser{phone, laptop, other} {
		b.Wants(t, "/visit", "1 ")
	}
	phone.Wants(t, "/as?ann", "1 ann")
	laptop.Wants(t, "/as?ann", "1 ann")
	other.Wants(t, "/as?bob", "1 bob")
	if n, err := m.DestroyOwned(t.Context(), "ann"); n != 2 || err != nil {
		t.Errorf("%d sessions destroyed, %v", n, err)
	}
	phone.Wants(t, "/", "0 ")
	laptop.Wants(t, "/", "0 ")
	other.Wants(t, "/", "1 bob")
}

// Keys are those in the package documentation. All have a time to live, and nothing of
// a session remains after it.
func TestKeys(t *testing.T) {
	server, url := own(t)
	m := site.Manager(t, sessions.Options{URL: url, Namespace: "shop", IdleTimeout: time.Hour})
	raw := client(t, server.Addr)
	var tokens []string
	for range 3 { // two signed in and one not
		b := &site.Browser{Site: site.New(m)}
		b.Wants(t, "/visit", "1 ")
		if len(tokens) < 2 {
			b.Wants(t, "/as?ann", "1 ann")
		}
		tokens = append(tokens, b.Token())
	}
	names := map[string]bool{"sessions:shop:owner:ann": true}
	for _, token := range tokens {
		s, err := m.Load(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		names["sessions:shop:"+s.ID()] = true
	}
	for name := range names {
		if left := raw.PTTL(t.Context(), name).Val(); left < time.Hour || left > 3*time.Hour {
			t.Errorf("%s has a time to live of %v", name, left)
		}
	}
	if n := raw.ZCard(t.Context(), "sessions:shop:owner:ann").Val(); n != 2 {
		t.Errorf("the owner has %d entries, want 2", n)
	}
	// The forwards of the renewals stay for two minutes; they are no sessions.
	for _, token := range tokens {
		s, err := m.Load(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Destroy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name := range names {
		if n := raw.Exists(t.Context(), name).Val(); n != 0 {
			t.Errorf("%s exists after the last session", name)
		}
	}
}

func TestContendedCountersAreExact(t *testing.T) {
	for kind, url := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			o := sessions.Options{URL: url(t), Namespace: "contended"}
			site.CountsExactly(t, []http.Handler{site.New(site.Manager(t, o)), site.New(site.Manager(t, o))}, 8, 25)
		})
	}
}

func TestTwoProcessesCountExactly(t *testing.T) {
	open := func(url string) *sessions.Manager { return site.Manager(t, sessions.Options{URL: url}) }
	if site.IsSecondProcess(t, open) {
		return
	}
	_, url := own(t)
	site.CountsInTwoProcesses(t, "TestTwoProcessesCountExactly", url, open, 100)
}

func TestSigningOutWinsEveryRace(t *testing.T) {
	for kind, url := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			o := sessions.Options{URL: url(t), Namespace: "races", IdleTimeout: time.Second}
			site.SigningOutWins(t, site.New(site.Manager(t, o)), site.New(site.Manager(t, o)), 20, 6, 4)
		})
	}
}

// kinds are the deployments, each with its URL.
func kinds(testing.TB) map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{"single": singleURL, "cluster": clusterURL, "sentinel": sentinelURL}
}

func TestOwnClient(t *testing.T) {
	cluster, err := sharedCluster()
	skipIfMissing(t, err)
	sentinel, err := sharedSentinel()
	skipIfMissing(t, err)
	for kind, make := range map[string]func() goredis.UniversalClient{
		"single": func() goredis.UniversalClient {
			return goredis.NewClient(&goredis.Options{Addr: servers.Redis(t).Addr, ContextTimeoutEnabled: true})
		},
		"cluster": func() goredis.UniversalClient {
			return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: strings.Split(cluster.Addrs(), ","), ContextTimeoutEnabled: true})
		},
		"sentinel": func() goredis.UniversalClient {
			return goredis.NewFailoverClient(&goredis.FailoverOptions{
				MasterName: "sessions", SentinelAddrs: strings.Split(sentinel.Addrs(), ","), ContextTimeoutEnabled: true,
			})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			c := make()
			defer c.Close()
			m := site.Manager(t, sessions.Options{Driver: redis.New(c, redis.Options{}), Namespace: "own-client"})
			b := &site.Browser{Site: site.New(m)}
			b.Wants(t, "/visit", "1 ")
			b.Wants(t, "/as?ann", "1 ann")
			b.Wants(t, "/visit", "2 ann")
			n := 0
			for _, err := range m.All(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				n++
			}
			if n != 1 {
				t.Errorf("All yields %d sessions, want 1", n)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if err := c.Ping(t.Context()).Err(); err != nil {
				t.Errorf("after the manager's Close: %v", err)
			}
			// The registered driver finds the same sessions.
			b.Site = site.New(site.Manager(t, sessions.Options{URL: kinds(t)[kind](t), Namespace: "own-client"}))
			b.Wants(t, "/visit", "3 ann")
		})
	}
}

func TestUnsuitableClients(t *testing.T) {
	ok := &goredis.Options{ContextTimeoutEnabled: true}
	for name, c := range map[string]struct {
		client goredis.UniversalClient
		url    string
		want   string
	}{
		"without deadlines":          {client: goredis.NewClient(&goredis.Options{}), want: "ContextTimeoutEnabled"},
		"a cluster without":          {client: goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"h:1"}}), want: "ContextTimeoutEnabled"},
		"that reads replicas":        {client: goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"h:1"}, ReadOnly: true}), want: "replicas"},
		"that reads any node":        {client: goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"h:1"}, RouteRandomly: true}), want: "replicas"},
		"that caches":                {client: goredis.NewClient(&goredis.Options{ContextTimeoutEnabled: true, ClientSideCacheConfig: &goredis.ClientSideCacheConfig{}}), want: "caches"},
		"a ring":                     {client: goredis.NewRing(&goredis.RingOptions{Addrs: map[string]string{"a": "h:1"}}), want: "*redis.Ring"},
		"and a URL":                  {client: goredis.NewClient(ok), url: "redis://h", want: "a client was given"},
		"and another store's scheme": {client: goredis.NewClient(ok), url: "memcached://h", want: "a client was given"},
	} {
		t.Run(name, func(t *testing.T) {
			defer c.client.Close()
			_, err := redis.New(c.client, redis.Options{}).Open(t.Context(), driver.Config{URL: c.url}.WithDefaults())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
	c := goredis.NewClient(ok)
	defer c.Close()
	if _, err := redis.New(c, redis.Options{WaitReplicas: -1}).Open(t.Context(), driver.Config{}.WithDefaults()); err == nil {
		t.Error("WaitReplicas -1 is accepted")
	}
}
