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
	"github.com/pump-go/sessions/internal/testapp"
)

func TestAlteredTokenIsANewEmptySession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		forger := a.Client()
		for _, name := range []string{"ann", "annann", "annannann"} { // the three possible ends of base64
			good := a.Client()
			good.OK(func(s *sessions.Session) { testapp.User.Set(s, name) })
			a.Store.Since()
			for i := range good.Token() {
				altered := []byte(good.Token())
				if altered[i]++; strings.IndexByte(`;, "\`+"\x7f", altered[i]) >= 0 {
					altered[i] = 'A'
				}
				forger.SetToken(string(altered))
				forger.IsAnonymous(fmt.Sprint("a token altered in byte ", i))
			}
			for _, token := range []string{
				good.Token()[1:], good.Token()[:len(good.Token())-1], good.Token() + "A", good.Token() + "=", good.Token() + good.Token(),
				`"` + good.Token() + `"`, strings.Repeat("A", len(good.Token())), strings.ToLower(good.Token()), "%" + good.Token()[1:],
			} {
				forger.SetToken(token)
				forger.IsAnonymous("altered to " + token)
			}
			testapp.Equal(t, "user", good.User(), name)
		}
		a.WantRecords(3)
		forger.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
		testapp.Equal(t, "user of the forger", forger.User(), "bob")
	})
}

func TestTokenUnderAnotherSecretIsRejected(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		old := c.Token()
		a.Deploy(func(o *sessions.Options) { o.Cookie.Secret = secret2 })
		a.Store.Since()
		c.IsAnonymous("a token under another secret")
		c.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
		testapp.Equal(t, "loads", a.Store.Since("Load"), 0)
		if c.Token() == old {
			t.Error("the rejected token was adopted")
		}
		testapp.Equal(t, "user", c.User(), "bob")
	})
}

func TestUnsignedIDIsRejectedWithASecret(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.Cookie.Secret = nil })
		c := a.SignedIn()
		testapp.Equal(t, "user", c.User(), "ann")
		old := c.Token()
		a.Deploy(func(o *sessions.Options) { o.Cookie.Secret = secret })
		a.Store.Since()
		c.IsAnonymous("an unsigned id")
		c.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
		testapp.Equal(t, "loads", a.Store.Since("Load"), 0)
		if strings.HasPrefix(c.Token(), old) {
			t.Error("the unsigned ID was adopted and signed")
		}
		testapp.Equal(t, "user", c.User(), "bob")
	}, keep)
}

func TestOtherAndInvalidCookiesAreIgnored(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		good := a.SignedIn()
		for name, lines := range map[string][]string{
			"unrelated":        {"theme=dark; lang=de"},
			"illegal names":    {`a b=c; (x)=y; =z; [1]={2}; é=ü`},
			"illegal values":   {`q="unclosed; json={"a": [1, 2]}; back=\; empty=; none`},
			"separators alone": {";;; ; =;=;", "="},
			"many":             {strings.Repeat("a=b; ", 2000)},
			"forged ones":      {"pump-session=; pump-session=x", "pump-session"},
		} {
			c := good.Copy()
			c.Extra = lines
			testapp.Equal(t, "user beside "+name, c.User(), "ann")
			c.OK(testapp.Increment)
			c.SetToken("")
			c.IsAnonymous(name + " alone")
		}
	})
}

// Tokens are verified with all secrets and issued with the first.
func TestSecretRotationKeepsUsersSignedIn(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		first := a.SignedIn()
		a.Deploy(func(o *sessions.Options) {
			o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret}
		})
		second := a.SignedIn()
		a.Deploy(func(o *sessions.Options) {
			o.Cookie.Secret, o.Cookie.PreviousSecrets = secret3, [][]byte{secret2, secret}
		})
		third := a.SignedIn()
		for name, c := range map[string]*testapp.Client{"first": first, "second": second, "third": third} {
			old := c.Copy()
			got := c.OK(func(s *sessions.Session) { testapp.Equal(t, "user of the "+name, s.Get("user"), any("ann")) })
			testapp.Equal(t, "a new cookie is sent, of the "+name, got.SetCookie != "", name != "third")
			testapp.Equal(t, "user with the old token, of the "+name, old.User(), "ann")
		}
		a.Deploy(func(o *sessions.Options) { o.Cookie.PreviousSecrets = nil })
		for name, c := range map[string]*testapp.Client{"first": first, "second": second, "third": third} {
			testapp.Equal(t, "user with the first secret alone, of the "+name, c.User(), "ann")
		}
	})
}

// contents returns the names and contents of all files.
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

func TestTokensAreNotPaths(t *testing.T) {
	for name, secret := range map[string][]byte{"signed": secret, "not signed": nil} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				around := t.TempDir()
				a := st.start(t, func(o *sessions.Options) {
					o.Cookie.Secret, o.DataDir = secret, filepath.Join(around, "data")
				})
				c := a.SignedIn()
				before := contents(t, around)
				raw, _ := base64.RawURLEncoding.DecodeString(c.Token())
				for what, part := range map[string]string{"the token": c.Token(), "the token's start": c.Token()[:20], "the raw id": string(raw[:32])} {
					if len(raw) < 32 || strings.Contains(before, part) {
						t.Errorf("the files contain %s", what)
					}
				}
				planted := a.Client()
				for _, token := range []string{
					"/evil", "../evil", "../../evil", `..\evil`, `C:\evil`, "evil/", "..%2fevil", "./evil", "evil",
					strings.Repeat("../", 14) + "x", strings.Repeat("/", len(c.Token())), strings.Repeat(`\`, len(c.Token())),
				} {
					planted.SetToken(token)
					planted.IsAnonymous(token)
				}
				testapp.Equal(t, "the files changed", contents(t, around) != before, false)
				planted.SetToken("../evil")
				planted.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
				names, err := os.ReadDir(around)
				if err != nil || len(names) != 1 || strings.Contains(contents(t, around), "evil") {
					t.Errorf("a token was used as a path: %v, %v", names, err)
				}
			}, disk)
		})
	}
}

// Tokens and records in format 1. A later version that changes their contents, or how
// keys are derived, must still read these, or an upgrade signs all users out.
const (
	token1  = "gAoIbBnHdDbQI2pt08M3glKM_nVQeFwxdyjlygFaMlHMN_kmTybiaOsow3rSdpWijrhHFjwRg4Oaw2-OPvTwkw"
	data1   = "AQOA3dsBA4Cg9qcTAwEFAQQHBAQFX3VjpHefB-gGY291bnRsaXN0dXNlcmZsYXNoA4NhYfX5OABjYW5uZWhlbGxv"
	sealed1 = "MTc5NTQ3NTU5NnwtRjRUN3QxeEFrSFdPcWNmM0pvX0Q5dEtJS3d3N2pvZGxpSzZuZnBPRWFDTkt5ZWR4amJzd2x1LVA3UFlpX2o0Z2NJOVpROHk3dGtIMmowX21Za0dETnBYTE4wMDhfYzl4aTdkOE8ydnJXVVNwMlk5YXFRQ2JzbVdkRE03aHF5S3hNYWFqSllVUTFoRThtMDlhNko2VGRoVkJFbDloMVA5cXNCa0FEUWR0MVhpSTF2MExsMWJUeHM3ZFF2UXhKRnhseV9iYzB6OG9DclJoVUZTU05ZPXy33TTs3pemrzUm_7_SFoaL2DWKyZAiidkxTb6hsJFoXw=="
)

func TestTokensAndRecordsOfFormat1AreRead(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		c.SetToken(sealed1)
		if a.Store.Inner() != nil {
			c.SetToken(token1)
			id, err := base64.RawURLEncoding.DecodeString(token1)
			if err != nil {
				t.Fatal(err)
			}
			data, err := base64.RawURLEncoding.DecodeString(data1)
			if err != nil {
				t.Fatal(err)
			}
			now := driver.MillisOf(testapp.Epoch)
			rec := driver.Record{Data: data, Owner: "user:1", Version: 1, Created: now, Accessed: now, Expires: now + 3600_000}
			if err := a.Store.Inner().Save(t.Context(), sha256.Sum256(id[:32]), 0, rec); err != nil {
				t.Fatal(err)
			}
		}
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Keys", s.Keys(), []string{"count", "list", "user"})
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
			testapp.Equal(t, "count", s.Get("count"), any(int64(3)))
			testapp.Equal(t, "list", s.Get("list"), any([]any{"a", true, 0.5}))
			testapp.Equal(t, "Flashes", s.Flashes(), []string{"hello"})
			testapp.Equal(t, "Owner", s.Owner(), "user:1")
			testapp.Equal(t, "Created", s.Created(), testapp.Epoch.UTC())
		})
		a.Clock.Advance(time.Hour)
		c.IsAnonymous("after the session's own timeout")
	})
}
