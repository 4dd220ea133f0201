//go:build unix

package google_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
)

// Tests of the store through the manager, over HTTP.

func manager(t testing.TB, o sessions.Options) *sessions.Manager {
	t.Helper()
	if o.StoreTimeout == 0 {
		o.StoreTimeout = 20 * time.Second // the first calls to an emulator are slow
	}
	return site.Manager(t, o)
}

// onBoth runs a test with each of the emulators.
func onBoth(t *testing.T, test func(t *testing.T, server *servers.Server)) {
	for _, e := range emulators {
		t.Run(e.name, func(t *testing.T) { test(t, e.shared(t)) })
	}
}

func TestSessionLifecycle(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		m := manager(t, sessions.Options{URL: urlOf(server, "&kind="+kind())})
		shop := site.New(m)
		var ann []*site.Browser
		for range 3 {
			b := &site.Browser{Site: shop}
			b.Wants(t, "/visit", "1 ")
			b.Wants(t, "/visit", "2 ")
			old := *b
			b.Wants(t, "/as?ann", "2 ann")
			old.Wants(t, "/", "0 ")
			ann = append(ann, b)
		}
		bob := &site.Browser{Site: shop}
		bob.Wants(t, "/as?bob", "0 bob")
		gone := *ann[0]
		ann[0].Wants(t, "/out", "0 ")
		gone.Wants(t, "/", "0 ")
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
			t.Errorf("DestroyOwned: got %d, %v, want 2", n, err)
		}
		ann[1].Wants(t, "/", "0 ")
		bob.Wants(t, "/", "0 bob")
	})
}

func TestContendedCountersAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		url := urlOf(server, "&kind="+kind())
		one, two := manager(t, sessions.Options{URL: url}), manager(t, sessions.Options{URL: url})
		site.CountsExactly(t, []http.Handler{site.New(one), site.New(two)}, 8, 15)
	})
}

func TestTwoProcessesCountExactly(t *testing.T) {
	open := func(url string) *sessions.Manager { return manager(t, sessions.Options{URL: url}) }
	if site.IsSecondProcess(t, open) {
		return
	}
	onBoth(t, func(t *testing.T, server *servers.Server) {
		open := func(url string) *sessions.Manager { return manager(t, sessions.Options{URL: url}) }
		site.CountsInTwoProcesses(t, "TestTwoProcessesCountExactly", urlOf(server, "&kind="+kind()), open, 50)
	})
}

func TestSigningOutWinsEveryRace(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		o := sessions.Options{URL: urlOf(server, "&kind="+kind()), IdleTimeout: time.Second}
		site.SigningOutWins(t, site.New(manager(t, o)), site.New(manager(t, o)), 30, 4, 3)
	})
}

func TestOwnClient(t *testing.T) {
	server := servers.Datastore(t)
	client := clientOf(t, server.Addr, google.ClientOptions()...)
	o := google.Options{Kind: kind()}
	m := manager(t, sessions.Options{Driver: google.New(client, o)})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	b.Site = site.New(manager(t, sessions.Options{Driver: google.New(client, o)}))
	b.Wants(t, "/visit", "2 ")
	// The registered driver finds the same sessions.
	b.Site = site.New(manager(t, sessions.Options{URL: urlOf(server, "&kind="+o.Kind)}))
	b.Wants(t, "/visit", "3 ")

	for fault, o := range map[string]sessions.Options{
		"a client was given": {URL: "google://p1", Driver: google.New(client, google.Options{})},
		"kind":               {Driver: google.New(client, google.Options{Kind: "__kind__"})},
		"both":               {Driver: google.New(client, google.Options{Namespace: "a"}), Namespace: "b"},
		"project":            {URL: "google://P"},
	} {
		if _, err := sessions.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%v, want an error with %q", err, fault)
		}
	}
}

// Namespaces, kinds and databases separate sessions. sessions.Options.Namespace is
// Datastore's namespace.
func TestNamespacesKindsAndDatabasesAreSeparate(t *testing.T) {
	onBoth(t, func(t *testing.T, server *servers.Server) {
		k := kind()
		var all []*site.Browser
		for i, o := range []sessions.Options{
			{URL: urlOf(server, "&kind="+k)},
			{URL: urlOf(server, "&kind="+k+"2")},
			{URL: urlOf(server, "&kind="+k+"&namespace=shop")},
			{URL: urlOf(server, "&kind="+k), Namespace: "blog"},
			{URL: "google://test-project/other-db?emulator=" + server.Addr + "&kind=" + k},
		} {
			b := &site.Browser{Site: site.New(manager(t, o))}
			for n := range i + 1 {
				b.Wants(t, "/visit", fmt.Sprint(n+1, " "))
			}
			all = append(all, b)
		}
		for i, b := range all {
			for j, other := range all {
				there := &site.Browser{Site: other.Site, Cookie: b.Cookie}
				want := "0 "
				if i == j {
					want = fmt.Sprint(i+1, " ")
				}
				there.Wants(t, "/", want)
			}
		}
		same := &site.Browser{Site: site.New(manager(t, sessions.Options{URL: urlOf(server, "&kind="+k), Namespace: "shop"})), Cookie: all[2].Cookie}
		same.Wants(t, "/", "3 ")
	})
}

func TestTTLPolicyInsteadOfSweep(t *testing.T) {
	server := servers.Datastore(t)
	now := time.Now()
	o := sessions.Options{URL: urlOf(server, "&ttl=yes&kind="+kind()), IdleTimeout: time.Minute, Now: func() time.Time { return now }}
	m := manager(t, o)
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	if _, err := m.Sweep(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Sweep: got error %v", err)
	}
	now = now.Add(time.Hour)
	b.Wants(t, "/", "0 ") // expired, though not removed
}
