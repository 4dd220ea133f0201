package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

func TestCheckOfAValidConfiguration(t *testing.T) {
	forEachStore(t, func(t *testing.T, at env) {
		at = at.and(env{"SESSIONS_SECRET": string(secret)})
		r := at.run(t, "check", "-secure", "-timeout", "30m", "-write").expect(t, exitDone, "ok:", "created, read and destroyed",
			"lists sessions, finds an owner's sessions, removes expired sessions")
		if strings.Contains(r.out, "fault") {
			t.Error(r.out)
		}
		if got := at.ids(t); len(got) != 0 {
			t.Errorf("check left sessions: %q", got)
		}
		o := at.run(t, "check", "-secure", "-timeout", "30m", "-json").expect(t, exitDone).objects(t)[0]
		if o["ok"] != true || len(o["faults"].([]any)) != 0 || len(o["advice"].([]any)) != 0 || len(o["abilities"].([]any)) != 4 {
			t.Errorf("%v", o)
		}
	})
}

func TestCheckOfStoresWithoutABackend(t *testing.T) {
	env{"SESSIONS_STORE": "memory"}.run(t, "check", "-write", "-http-only").expect(t, exitDone, "ok:     the store memory responds", "lost when the program ends", "no Secret", "set Secure", "no IdleTimeout")
	r := env{"SESSIONS_STORE": "memory"}.run(t, "check", "-write").expect(t, exitDone, "lost when the program ends", "only the store was checked")
	if contains(r.out, "Secret") || contains(r.out, "Secure") || contains(r.out, "IdleTimeout") {
		t.Errorf("the output does not mention these: %s", r.out)
	}
	cookie := env{"SESSIONS_STORE": "cookie"}
	cookie.run(t, "check").expect(t, exitUsage, "Options.Cookie.Secret is required", "the options are invalid")
	cookie = cookie.and(env{"SESSIONS_SECRET": string(secret), "SESSIONS_PREVIOUS_SECRETS": strings.Repeat("o", 32) + " \n" + strings.Repeat("p", 32)})
	cookie.run(t, "check", "-write", "-secure", "-cookie-name", "__Host-app").expect(t, exitDone,
		"stores sessions in the clients' cookies", "a copied cookie", "previous secrets are still accepted")
}

// check reports all faults at once, as New does, and no secret.
func TestCheckReportsAllFaults(t *testing.T) {
	at := env{"SESSIONS_STORE": "etcd", "SESSIONS_SECRET": "too short", "SESSIONS_PREVIOUS_SECRETS": "short-as-well " + strings.Repeat("o", 32)}
	args := []string{"check", "-namespace", "A", "-cookie-name", "__Host-a", "-cookie-domain", "example.com", "-same-site", "none",
		"-partitioned", "-token-header", "Cookie", "-timeout", "2h", "-lifetime", "1h", "-store-timeout", "1ns", "-cookie-expires", "2001-01-01T00:00:00Z"}
	faults := []string{`unknown store "etcd"`, "Options.Namespace", "__Host-a", "SameSite", "Partitioned", "Options.TokenHeader", "Options.Lifetime", "Options.StoreTimeout",
		"Options.Cookie.Expires", "Cookie.Secret: 9 bytes", "PreviousSecrets[0]"}
	r := at.run(t, args...).expect(t, exitUsage, faults...)
	if strings.Contains(r.out+r.err, "too short") || strings.Contains(r.out+r.err, "short-as-well") {
		t.Error("the output contains a secret")
	}
	o := at.run(t, append(args, "-json")...).expect(t, exitUsage).objects(t)[0]
	if o["ok"] != false || len(o["faults"].([]any)) < len(faults) {
		t.Errorf("%v", o)
	}
	for _, args := range []string{"-same-site loose", "-cookie-expires soon"} {
		at.run(t, append([]string{"check"}, strings.Fields(args)...)...).expect(t, exitUsage, strings.Fields(args)[0])
	}
	env{"SESSIONS_STORE": "memory", "SESSIONS_SECRET": ""}.run(t, "check").expect(t, exitUsage, "Options.Cookie.Secret: 0 bytes")
}

func TestCheckReadsEveryOption(t *testing.T) {
	var k checkup
	k.timeout, k.lifetime, k.storeTimeout, k.renewAfter = 1, 2, 3, 4
	k.expires, k.sameSite, k.tokenHeader = "30d", "strict", "X-Session"
	k.cookie = sessions.Cookie{Name: "n", Domain: "d", Path: "/p", Secure: true, Partitioned: true}
	c := quiet(env{"SESSIONS_SECRET": "s", "SESSIONS_PREVIOUS_SECRETS": "p q"})
	o, err := k.options(c)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%v %v %v %v %v %v %+v", o.IdleTimeout, o.Lifetime, o.StoreTimeout, o.RenewAfter, o.TokenHeader, o.Cookie.Expires, o.Cookie)
	want := "1ns 2ns 3ns 4ns X-Session after 720h0m0s {Name:n Secret:[115] PreviousSecrets:[[112] [113]] Domain:d Path:/p Expires:after 720h0m0s Secure:true DisableHttpOnly:true SameSite:3 Partitioned:true}"
	if got != want {
		t.Errorf("the options are\n%s, want\n%s", got, want)
	}
}

func TestCheckOfAStoreThatIsDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	at := env{"SESSIONS_STORE": "database", "SESSIONS_URL": "postgresql://app:a-password@" + addr + "/app?sslmode=disable"}
	at.run(t, "check").expect(t, exitFailed, "fault:", "refused", "the options are valid, but the store failed")
	at.run(t, "list").expect(t, exitFailed, "cannot be read", "refused")
	if o := at.run(t, "check", "-json").expect(t, exitFailed).objects(t)[0]; o["ok"] != false || len(o["faults"].([]any)) == 0 {
		t.Errorf("%v", o)
	}
}

// Options rejected by the driver are reported as invalid options, not as a failing
// store.
func TestCheckOfOptionsRejectedByTheDriver(t *testing.T) {
	for name, c := range map[string]struct {
		at   env
		says string
	}{
		"no directory":      {env{"SESSIONS_STORE": "file"}, "Options.DataDir"},
		"no such form":      {env{"SESSIONS_STORE": "database", "SESSIONS_URL": "nonsense"}, "sqlite:///relative.db"},
		"no such parameter": {env{"SESSIONS_STORE": "database", "SESSIONS_URL": "postgresql://db.internal/app?slmode=disable"}, "unknown parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			c.at.run(t, "check").expect(t, exitUsage, "fault:", c.says, "the options are invalid")
		})
	}
}

// A damaged file is not reported as invalid options, although Open detects it.
func TestCheckOfADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	at := env{"SESSIONS_URL": "dbm://" + path}
	at.run(t, "check").expect(t, exitFailed, "damaged", "the options are valid, but the store failed")
	at.run(t, "list").expect(t, exitFailed, "damaged")
}

func TestCheckReportsACreatedStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	at := env{"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": dir}
	at.run(t, "check").expect(t, exitDone, dir, "did not exist; it was created")
	if r := at.run(t, "check").expect(t, exitDone); strings.Contains(r.out, "was made") {
		t.Error(r.out)
	}
}

// check reports created tables, since they may be in the wrong database.
func TestCheckReportsCreatedTables(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]env{empty: {"SESSIONS_STORE": "database", "SESSIONS_URL": "sqlite:///" + empty}}
	if make, ok := envs["PostgreSQL"]; ok {
		all["postgres on 127.0.0.1"] = make(t)
	}
	for where, at := range all {
		at.run(t, "check").expect(t, exitDone, where, "had no tables; they were created")
		if r := at.run(t, "check").expect(t, exitDone); contains(r.out, "were made") {
			t.Error(r.out)
		}
	}
}

func TestSecret(t *testing.T) {
	// With several machines, a new secret must be accepted before it is used.
	env{}.run(t, "help", "secret").expect(t, exitDone, "1. Add the new one to PreviousSecrets", "2. Make the new one Secret")
	seen := map[string]bool{}
	for range 100 {
		s := strings.TrimSpace(env{}.run(t, "secret").expect(t, exitDone).out)
		b, err := base64.StdEncoding.DecodeString(s)
		if len(b) != 32 || err != nil || seen[s] {
			t.Fatalf("%q is %d bytes, %v, seen before: %v", s, len(b), err, seen[s])
		}
		seen[s] = true
		env{"SESSIONS_SECRET": s, "SESSIONS_STORE": "cookie"}.run(t, "check").expect(t, exitDone)
	}
}
