//go:build unix

package google_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/sessionstest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

// emulators are the two emulators of the Google Cloud CLI.
var emulators = []struct {
	name   string
	shared func(testing.TB) *servers.Server
	own    func(testing.TB) *servers.Server
}{
	{"Datastore", servers.Datastore, servers.OwnDatastore},
	{"Firestore", servers.Firestore, servers.OwnFirestore},
}

func urlOf(server *servers.Server, params string) string {
	return "google://test-project?emulator=" + server.Addr + params
}

var cases atomic.Int64

// kind returns a kind that no other test uses.
func kind() string { return fmt.Sprintf("Session%d_%d", os.Getpid(), cases.Add(1)) }

// harness uses a new kind for each case.
func harness(server func(testing.TB) *servers.Server) sessionstest.Harness {
	var raw *datastore.Client
	return sessionstest.Harness{
		Driver: google.New(nil, google.Options{}),
		Config: func(t testing.TB) driver.Config {
			raw = clientOf(t, server(t).Addr)
			return driver.Config{URL: urlOf(server(t), "&kind="+kind())}
		},
		MaxData: google.MaxData,
		Timeout: time.Minute,
		Damage: func(cfg driver.Config, key driver.Key) error {
			_, kind, _ := strings.Cut(cfg.URL, "&kind=")
			return damage(raw, kind, cfg.Namespace, key)
		},
		Newer: func(cfg driver.Config, key driver.Key) error {
			_, kind, _ := strings.Cut(cfg.URL, "&kind=")
			return newerRecord(raw, kind, cfg.Namespace, key)
		},
	}
}

func TestContract(t *testing.T) {
	for _, e := range emulators {
		t.Run(e.name, func(t *testing.T) { sessionstest.Run(t, harness(e.shared)) })
	}
}

// damage truncates the stored record.
func damage(client *datastore.Client, kind, namespace string, key driver.Key) error {
	return rewrite(client, kind, namespace, key, func(b []byte) []byte { return b[:len(b)/2] })
}

// newerRecord puts a record of a newer format in place of the stored one.
func newerRecord(client *datastore.Client, kind, namespace string, key driver.Key) error {
	return rewrite(client, kind, namespace, key, func([]byte) []byte { return sessionstest.NewerRecord() })
}

func rewrite(client *datastore.Client, kind, namespace string, key driver.Key, change func([]byte) []byte) error {
	k := datastore.NameKey(kind, key.String(), nil)
	k.Namespace = namespace
	var properties datastore.PropertyList
	if err := client.Get(context.Background(), k, &properties); err != nil {
		return err
	}
	for i, p := range properties {
		if p.Name == "record" {
			properties[i].Value = change(p.Value.([]byte))
		}
	}
	_, err := client.Put(context.Background(), k, &properties)
	return err
}
