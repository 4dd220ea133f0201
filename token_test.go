package sessions_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// wantRejected checks that a token is rejected: its request gets a new, empty
// session, and Load returns ErrNotFound.
func wantRejected(t testing.TB, m *sessions.Manager, what, token string) {
	t.Helper()
	b := testapp.NewClient(t, m)
	b.Extra = []string{"pump-session=" + token}
	resp := b.Visit(func(s *sessions.Session) {
		if !s.IsNew() || len(s.Keys()) > 0 || s.Err() != nil {
			t.Errorf("%s: the token opened a session (%v)", what, s.Err())
		}
	})
	testapp.NoCookie(t, resp)
	if s, err := m.Load(t.Context(), token); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("%s: Load: got %v, %v, want ErrNotFound", what, s, err)
	}
}

func TestAlteredTokenIsRejected(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, store := testapp.NewManager(t, o)
		token := testapp.SignIn(t, m).Token()
		var before int
		if store != nil {
			before = store.Total()
		}
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		load := func(what, altered string) {
			t.Helper()
			if altered == token {
				t.Fatal("the token was not altered")
			}
			if _, err := m.Load(t.Context(), altered); !errors.Is(err, sessions.ErrNotFound) {
				t.Errorf("%s: Load: got error %v, want ErrNotFound", what, err)
			}
		}
		for i := range len(token) {
			// Change each of its six bits, then use characters that no token has.
			n := strings.IndexByte(alphabet, token[i])
			if n < 0 {
				continue // padding
			}
			for bit := range 6 {
				load(fmt.Sprintf("bit %d of character %d", bit, i), token[:i]+string(alphabet[n^1<<bit])+token[i+1:])
			}
			for _, c := range []string{"", "+", "/", "=", "\n", "\r\n", " ", "\x00", "é", "%2D", token[i:i+1] + token[i:i+1]} {
				if altered := token[:i] + c + token[i+1:]; altered != token {
					load(fmt.Sprintf("%q in place of character %d", c, i), altered)
				}
			}
		}
		for what, altered := range map[string]string{
			"empty":             "",
			"cut short":         token[:len(token)-1],
			"cut by a quantum":  token[:len(token)-4],
			"its first half":    token[:len(token)/2],
			"the ID alone":      token[:43],
			"the MAC alone":     token[43:],
			"twice":             token + token,
			"with padding":      token + "==",
			"with a newline":    token + "\n",
			"newlines inside":   token[:20] + "\n\n\n\n" + token[20:],
			"quoted":            `"` + token + `"`,
			"with a space":      " " + token,
			"with a comma":      token + ",",
			"in capitals":       strings.ToUpper(token),
			"a megabyte":        strings.Repeat(token, 1<<20/len(token)),
			"of NULs":           strings.Repeat("\x00", len(token)),
			"of A":              strings.Repeat("A", len(token)),
			"standard base64":   strings.NewReplacer("-", "+", "_", "/").Replace(token) + "+",
			"hex":               strings.Repeat("0", len(token)),
			"a path":            "../../../../etc/passwd",
			"a path of Windows": `..\..\windows`,
			"an encoded path":   "..%2f..%2fetc",
		} {
			load(what, altered)
		}
		if store != nil && store.Total() != before {
			t.Errorf("got %d store calls for forged tokens, want 0", store.Total()-before)
		}
		if _, err := m.Load(t.Context(), token); err != nil {
			t.Errorf("Load of the token itself: got error %v", err)
		}
	})
}

func TestUnsignedTokenIsRejected(t *testing.T) {
	store := testapp.NewStore(nil)
	d := store
	unsigned, _ := testapp.NewManager(t, sessions.Options{Driver: d})
	signed, _ := testapp.NewManager(t, sessions.Options{Driver: d, Cookie: sessions.Cookie{Secret: testapp.Secret}})
	b := testapp.SignIn(t, unsigned)
	before := store.Total()
	wantRejected(t, signed, "an unsigned id", b.Token())
	if store.Total() != before {
		t.Error("an unsigned ID caused a store call")
	}

	// The next write starts a new session, with a signed ID.
	old := b.Token()
	b.Managers = []*sessions.Manager{signed}
	b.Visit(func(s *sessions.Session) { s.Set("user", "bob") })
	if strings.HasPrefix(b.Token(), old) {
		t.Error("the unsigned ID was adopted")
	}
	if b.User() != "bob" {
		t.Error("the new session does not exist")
	}
	// Conversely, a manager without a secret rejects a signed token.
	wantRejected(t, unsigned, "a signed token", b.Token())
}

// A token is valid for one cookie name, one namespace and one secret.
func TestTokenOfAnotherManagerIsRejected(t *testing.T) {
	for name, change := range map[string]func(o *sessions.Options){
		"another secret":       func(o *sessions.Options) { o.Cookie.Secret = testapp.Secret2 },
		"another namespace":    func(o *sessions.Options) { o.Namespace = "other" },
		"another cookie name":  func(o *sessions.Options) { o.Cookie.Name = "other" },
		"name and namespace":   func(o *sessions.Options) { o.Cookie.Name, o.Namespace = "app", "pump-session" },
		"the same letters":     func(o *sessions.Options) { o.Cookie.Name, o.Namespace = "pump-sessiona", "pp" },
		"a longer secret":      func(o *sessions.Options) { o.Cookie.Secret = append(slices.Clone(testapp.Secret), 0) },
		"the name in capitals": func(o *sessions.Options) { o.Cookie.Name = "Pump-Session" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"server", "sealed"} {
				t.Run(kind, func(t *testing.T) {
					store := testapp.NewStore(nil)
					d := store
					o := sessions.Options{Driver: d, Namespace: "app", Cookie: sessions.Cookie{Secret: testapp.Secret}}
					if kind == "sealed" {
						o.Driver, o.Store = nil, "sealed"
					}
					m, _ := testapp.NewManager(t, o)
					token := testapp.SignIn(t, m).Token()
					change(&o)
					other, _ := testapp.NewManager(t, o)
					before := store.Total()
					if _, err := other.Load(t.Context(), token); !errors.Is(err, sessions.ErrNotFound) {
						t.Errorf("Load: got error %v, want ErrNotFound", err)
					}
					b := testapp.NewClient(t, other)
					b.Extra = []string{"pump-session=" + token + "; other=" + token + "; Pump-Session=" + token + "; pump-sessiona=" + token + "; app=" + token}
					if user := b.User(); user != "" {
						t.Errorf("got user %v, want none", user)
					}
					if store.Total() != before {
						t.Error("the token caused a store call")
					}
					if _, err := m.Load(t.Context(), token); err != nil {
						t.Errorf("Load by its own manager: got error %v", err)
					}
				})
			}
		})
	}
}

// Rotation signs nobody out. Each client receives a cookie signed with the current
// secret with its next request.
func TestSecretRotation(t *testing.T) {
	for _, kind := range []string{"server", "sealed"} {
		for _, manual := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, manual save %v", kind, manual), func(t *testing.T) {
				d := testapp.NewStore(nil)
				open := func(secret []byte, previous ...[]byte) *sessions.Manager {
					o := sessions.Options{Driver: d, ManualSave: manual}
					if kind == "sealed" {
						o.Driver, o.Store = nil, "sealed"
					}
					o.Cookie = sessions.Cookie{Secret: secret, PreviousSecrets: previous, Expires: sessions.ExpireWithBrowser()}
					m, _ := testapp.NewManager(t, o)
					return m
				}
				before := open(testapp.Secret)
				b := testapp.NewClient(t, before)
				b.Visit(func(s *sessions.Session) { s.Set("user", "ann"); s.Save(t.Context()) })
				old := b.Token()

				third := []byte(strings.Repeat("third", 8))
				during := open(testapp.Secret2, third, testapp.Secret)
				b.Managers = []*sessions.Manager{during}
				testapp.NoCookie(t, b.Visit(func(s *sessions.Session) {}))
				var token string
				var id string
				resp := b.Visit(func(s *sessions.Session) {
					if s.Get("user") != "ann" {
						t.Error("rotation signed the user out")
					}
					id = s.ID()
					token = s.Token()
				})
				c := testapp.OneCookie(t, resp)
				if c.Value == old {
					t.Error("the cookie was not replaced")
				}
				if kind == "server" && c.Value != token {
					t.Errorf("got cookie %s, want the result of Token, %s", c.Value, token)
				}
				testapp.NoCookie(t, b.Visit(func(s *sessions.Session) {
					if s.ID() != id || s.Token() != c.Value {
						t.Error("the new cookie opens another session")
					}
				}))

				// A request in flight still has the old one.
				late := testapp.NewClient(t, during)
				late.Cookies["pump-session"] = old
				if late.User() != "ann" {
					t.Error("the old token was rejected while its secret was a previous one")
				}

				after := open(testapp.Secret2)
				wantRejected(t, after, "a token under a secret that is gone", old)
				b.Managers = []*sessions.Manager{after}
				if b.User() != "ann" {
					t.Error("removing the previous secret signed the user out")
				}
			})
		}
	}
}

func TestTokenEqualsCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		for _, secret := range [][]byte{nil, testapp.Secret} {
			if o.Store == "sealed" && secret == nil {
				continue
			}
			o.Cookie.Secret = secret
			m, _ := testapp.NewManager(t, o)
			b := testapp.NewClient(t, m)
			same := func(change func(s *sessions.Session)) {
				t.Helper()
				var token string
				b.Visit(func(s *sessions.Session) {
					change(s)
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
					token = s.Token()
				})
				if token != b.Token() {
					t.Errorf("got Token %s, want that of the cookie, %s", token, b.Token())
				}
				if _, err := m.Load(t.Context(), token); err != nil {
					t.Error(err)
				}
			}
			same(func(s *sessions.Session) { s.Set("n", 1) })
			same(func(s *sessions.Session) { s.Set("n", 2) })
			same(func(s *sessions.Session) { s.Renew() })
			same(func(s *sessions.Session) { s.Invalidate() })
			same(func(s *sessions.Session) { s.Destroy(t.Context()); s.Set("n", 3) })
		}
	})
}

// An ID that the client chose, or that is no longer known, is never adopted: the
// new session has another ID (session fixation).
func TestUnknownIDIsNotAdopted(t *testing.T) {
	for name, secret := range map[string][]byte{"signed": testapp.Secret, "unsigned": nil} {
		t.Run(name, func(t *testing.T) {
			m, store := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: secret}})
			b := testapp.SignIn(t, m)
			token := b.Token()
			var id string
			b.Visit(func(s *sessions.Session) { id = s.ID(); s.Destroy(t.Context()) })
			if n := len(store.RecordsByKey(t)); n != 0 {
				t.Fatalf("got %d records after Destroy, want none", n)
			}

			b.Cookies["pump-session"] = token
			writes := store.Total("Save") + store.Total("Touch")
			testapp.NoCookie(t, b.Visit(func(s *sessions.Session) {
				if !s.IsNew() || s.ID() == id || s.Token() == token || s.Get("user") != nil {
					t.Error("the unknown ID was adopted")
				}
			}))
			if store.Total("Save")+store.Total("Touch") != writes {
				t.Error("a read with an unknown ID wrote to the store")
			}

			b.Visit(func(s *sessions.Session) { s.Set("user", "mallory") })
			if b.Token() == token {
				t.Error("the new session has the token that was presented")
			}
			if n := len(store.RecordsByKey(t)); n != 1 {
				t.Errorf("got %d records, want 1", n)
			}
			wantRejected(t, m, "the old token", token)
		})
	}
}

// A stored record does not reveal the token.
func TestStoreDoesNotSeeToken(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	raw, _ := base64.RawURLEncoding.DecodeString(b.Token())
	for key, rec := range store.RecordsByKey(t) {
		for _, secret := range []string{b.Token(), string(raw)} {
			if strings.Contains(string(key[:])+string(rec.Data)+rec.Owner, secret) {
				t.Error("the record contains the token")
			}
		}
		b.Visit(func(s *sessions.Session) {
			if s.ID() != key.String() {
				t.Errorf("got ID %s, want the key %v", s.ID(), key)
			}
		})
		forged := base64.RawURLEncoding.EncodeToString(key[:])
		wantRejected(t, m, "the store's key as a token", forged)
	}
}

// randomSource replaces the system's random source for the rest of the test.
func randomSource(t testing.TB, r io.Reader) {
	t.Helper()
	system := rand.Reader
	rand.Reader = r
	t.Cleanup(func() { rand.Reader = system })
}

// repeating is a source that returns the same bytes again and again, as on a virtual
// machine that was cloned while it ran.
type repeating byte

func (r repeating) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte{byte(r)}, len(b)))
	return len(b), nil
}

// If the random source repeats itself, no client gets another's session: the
// response is the error page, and the first session is unchanged.
func TestRepeatingRandomSource(t *testing.T) {
	randomSource(t, repeating(7))
	a := testapp.New(t)
	first := a.SignedIn()
	second := a.Client()
	res := second.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { testapp.User.Set(s, "eve") })
	testapp.Equal(t, "cookie", res.Cookie, nil)
	if log := a.Log.String(); !strings.Contains(log, "random source repeats itself") {
		t.Errorf("got log %s", log)
	}
	res = first.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Renew() })
	testapp.Equal(t, "cookie", res.Cookie, nil)
	testapp.Equal(t, "user", first.User(), "ann")
	testapp.Equal(t, "user of the second", second.User(), "")
	a.Store.Record(t)

	// With other bytes, sessions are created again.
	rand.Reader = repeating(8)
	second.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
	testapp.Equal(t, "user of the first", first.User(), "ann")
	testapp.Equal(t, "user of the second", second.User(), "bob")
}

// A failing random source ends the program, since IDs could be guessed.
func TestFailingRandomSourceExits(t *testing.T) {
	const child = "SESSIONS_TEST_RANDOM_FAILS"
	if os.Getenv(child) == "1" {
		a := testapp.New(t)
		randomSource(t, failing{})
		a.Client().OK(func(s *sessions.Session) { testapp.User.Set(s, "ann") })
		os.Exit(0) // it went on without
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestFailingRandomSourceExits$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "failed to read random data") {
		t.Errorf("got exit %v:\n%.500s", err, out)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no entropy") }
