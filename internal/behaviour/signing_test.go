package behaviour

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func TestAlteredTokenIsANewEmptySession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		forger := a.client()
		for _, name := range []string{"ann", "annann", "annannann"} { // base64 may end in three ways
			good := a.client()
			good.do(func(s *sessions.Session) { user.Set(s, name) })
			a.calls.since()
			for i := range good.token {
				altered := []byte(good.token)
				if altered[i]++; strings.IndexByte(`;, "\`+"\x7f", altered[i]) >= 0 {
					altered[i] = 'A'
				}
				forger.token = string(altered)
				forger.isAnonymous(fmt.Sprint("a token altered in byte ", i))
			}
			for _, token := range []string{
				good.token[1:], good.token[:len(good.token)-1], good.token + "A", good.token + "=", good.token + good.token,
				`"` + good.token + `"`, strings.Repeat("A", len(good.token)), strings.ToLower(good.token), "%" + good.token[1:],
			} {
				forger.token = token
				forger.isAnonymous("altered to " + token)
			}
			equal(t, "user", good.user(), name)
		}
		a.wantRecords(3)
		forger.do(func(s *sessions.Session) { user.Set(s, "bob") })
		equal(t, "user of the forger", forger.user(), "bob")
	})
}

func TestTokenUnderAnotherSecretIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		old := c.token
		a.deploy(func(o *sessions.Options) { o.Cookie.Secret = secret2 })
		a.calls.since()
		c.isAnonymous("a token under another secret")
		c.do(func(s *sessions.Session) { user.Set(s, "bob") })
		equal(t, "loads", a.calls.since("Load"), 0)
		if c.token == old {
			t.Error("the refused token was adopted")
		}
		equal(t, "user", c.user(), "bob")
	})
}

func TestBareIDIsRefusedWhereIDsAreSigned(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.Cookie.Secret = nil })
		c := a.signedIn()
		equal(t, "user", c.user(), "ann")
		old := c.token
		a.deploy(func(o *sessions.Options) { o.Cookie.Secret = secret })
		a.calls.since()
		c.isAnonymous("an unsigned id")
		c.do(func(s *sessions.Session) { user.Set(s, "bob") })
		equal(t, "loads", a.calls.since("Load"), 0)
		if strings.HasPrefix(c.token, old) {
			t.Error("the unsigned id was adopted and signed")
		}
		equal(t, "user", c.user(), "bob")
	}, keep)
}

func TestOtherAndIllegalCookiesDisturbNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		good := a.signedIn()
		for name, lines := range map[string][]string{
			"unrelated":        {"theme=dark; lang=de"},
			"illegal names":    {`a b=c; (x)=y; =z; [1]={2}; é=ü`},
			"illegal values":   {`q="unclosed; json={"a": [1, 2]}; back=\; empty=; none`},
			"separators alone": {";;; ; =;=;", "="},
			"many":             {strings.Repeat("a=b; ", 2000)},
			"forged ones":      {"pump-session=; pump-session=x", "pump-session"},
		} {
			c := good.copied()
			c.extra = lines
			equal(t, "user beside "+name, c.user(), "ann")
			c.do(increment)
			c.token = ""
			c.isAnonymous(name + " alone")
		}
	})
}

// Any of the secrets verifies, and what is issued is under the first.
func TestSecretsAreRotatedWithNobodySignedOut(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		first := a.signedIn()
		a.deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret} })
		second := a.signedIn()
		a.deploy(func(o *sessions.Options) {
			o.Cookie.Secret, o.Cookie.PreviousSecrets = secret3, [][]byte{secret2, secret}
		})
		third := a.signedIn()
		for name, c := range map[string]*client{"first": first, "second": second, "third": third} {
			old := c.copied()
			got := c.do(func(s *sessions.Session) { equal(t, "user of the "+name, s.Get("user"), any("ann")) })
			equal(t, "the cookie is issued anew, of the "+name, got.line != "", name != "third")
			equal(t, "user with the old token, of the "+name, old.user(), "ann")
		}
		a.deploy(func(o *sessions.Options) { o.Cookie.PreviousSecrets = nil })
		for name, c := range map[string]*client{"first": first, "second": second, "third": third} {
			equal(t, "user with the first secret alone, of the "+name, c.user(), "ann")
		}
	})
}

// contents is all that is in the files and in their names.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		all.WriteString(path + "\n")
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestTokensNameNoPath(t *testing.T) {
	for name, secret := range map[string][]byte{"signed": secret, "not signed": nil} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				around := t.TempDir()
				a := st.start(t, func(o *sessions.Options) {
					o.Cookie.Secret, o.DataDir = secret, filepath.Join(around, "data")
				})
				c := a.signedIn()
				before := contents(t, around)
				raw, _ := base64.RawURLEncoding.DecodeString(c.token)
				for what, part := range map[string]string{"the token": c.token, "the token's start": c.token[:20], "the raw id": string(raw[:32])} {
					if len(raw) < 32 || strings.Contains(before, part) {
						t.Errorf("the files tell %s", what)
					}
				}
				planted := a.client()
				for _, token := range []string{
					"/evil", "../evil", "../../evil", `..\evil`, `C:\evil`, "evil/", "..%2fevil", "./evil", "evil",
					strings.Repeat("../", 14) + "x", strings.Repeat("/", len(c.token)), strings.Repeat(`\`, len(c.token)),
				} {
					planted.token = token
					planted.isAnonymous(token)
				}
				equal(t, "the files changed", contents(t, around) != before, false)
				planted.token = "../evil"
				planted.do(func(s *sessions.Session) { user.Set(s, "bob") })
				names, err := os.ReadDir(around)
				if err != nil || len(names) != 1 || strings.Contains(contents(t, around), "evil") {
					t.Errorf("a token named a path: %v, %v", names, err)
				}
			}, disk)
		})
	}
}

// What was issued and stored in format 1. Whoever changes what a token or a
// record holds, or how keys are derived, has to go on reading these, or an
// upgrade signs everybody out.
const (
	token1  = "gAoIbBnHdDbQI2pt08M3glKM_nVQeFwxdyjlygFaMlHMN_kmTybiaOsow3rSdpWijrhHFjwRg4Oaw2-OPvTwkw"
	data1   = "AQOA3dsBA4Cg9qcTAwEFAQQHBAQFX3VjpHefB-gGY291bnRsaXN0dXNlcmZsYXNoA4NhYfX5OABjYW5uZWhlbGxv"
	sealed1 = "MTc5NTQ3NTU5NnwtRjRUN3QxeEFrSFdPcWNmM0pvX0Q5dEtJS3d3N2pvZGxpSzZuZnBPRWFDTkt5ZWR4amJzd2x1LVA3UFlpX2o0Z2NJOVpROHk3dGtIMmowX21Za0dETnBYTE4wMDhfYzl4aTdkOE8ydnJXVVNwMlk5YXFRQ2JzbVdkRE03aHF5S3hNYWFqSllVUTFoRThtMDlhNko2VGRoVkJFbDloMVA5cXNCa0FEUWR0MVhpSTF2MExsMWJUeHM3ZFF2UXhKRnhseV9iYzB6OG9DclJoVUZTU05ZPXy33TTs3pemrzUm_7_SFoaL2DWKyZAiidkxTb6hsJFoXw=="
)

func TestTokensAndRecordsOfFormat1AreRead(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		c.token = sealed1
		if a.kept != nil {
			c.token = token1
			id, err := base64.RawURLEncoding.DecodeString(token1)
			if err != nil {
				t.Fatal(err)
			}
			data, err := base64.RawURLEncoding.DecodeString(data1)
			if err != nil {
				t.Fatal(err)
			}
			now := driver.MillisOf(epoch)
			rec := driver.Record{Data: data, Owner: "user:1", Version: 1, Created: now, Accessed: now, Expires: now + 3600_000}
			if err := a.kept.Save(t.Context(), sha256.Sum256(id[:32]), 0, rec); err != nil {
				t.Fatal(err)
			}
		}
		c.do(func(s *sessions.Session) {
			equal(t, "Keys", s.Keys(), []string{"count", "list", "user"})
			equal(t, "user", s.Get("user"), any("ann"))
			equal(t, "count", s.Get("count"), any(int64(3)))
			equal(t, "list", s.Get("list"), any([]any{"a", true, 0.5}))
			equal(t, "Flashes", s.Flashes(), []string{"hello"})
			equal(t, "Owner", s.Owner(), "user:1")
			equal(t, "Created", s.Created(), epoch.UTC())
		})
		a.clock.advance(time.Hour)
		c.isAnonymous("after the session's own timeout")
	})
}
