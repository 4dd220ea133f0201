package cookie_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/cookie"
	"github.com/pump-go/sessions/driver"
)

const name = "pump-session"

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// config returns a configuration like the manager's: keys are derived from the
// secrets for each purpose, cookie name and namespace.
func config(cookieName, namespace string, secrets ...string) driver.Config {
	return driver.Config{
		CookieName: cookieName,
		Namespace:  namespace,
		Now:        func() time.Time { return noon },
		Keys: func(purpose string) (keys [][]byte) {
			for _, secret := range secrets {
				info := purpose + "\x00" + cookieName + "\x00" + namespace
				key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, 32)
				if err != nil {
					panic(err)
				}
				keys = append(keys, key)
			}
			return keys
		},
	}
}

type store interface {
	driver.Store
	driver.Sealer
}

func open(t testing.TB, cfg driver.Config) store {
	t.Helper()
	s, err := cookie.New().Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(store)
}

var key = driver.Key{1, 2, 3}

func record(size int) driver.Record {
	return driver.Record{
		Data: bytes.Repeat([]byte("data"), size/4+1)[:size], Owner: "user:42", Version: 7,
		Created:  driver.MillisOf(noon.Add(-time.Hour)),
		Accessed: driver.MillisOf(noon),
		Expires:  driver.MillisOf(noon.Add(time.Hour)),
	}
}

func seal(t testing.TB, s store, rec driver.Record) string {
	t.Helper()
	token, err := s.Seal(key, rec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantRejected(t testing.TB, s store, what, token string) {
	t.Helper()
	if sealed, err := s.Unseal(token); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("%s: %+v, %v; want ErrNotFound", what, sealed, err)
	}
}

func TestImportRegistersStore(t *testing.T) {
	if names := sessions.Drivers(); !slices.Equal(names, []string{"cookie"}) {
		t.Errorf("registered: %q", names)
	}
}

func TestOpenRequiresSecretAndChecksURL(t *testing.T) {
	if _, err := cookie.New().Open(t.Context(), driver.Config{CookieName: name}); err == nil || !strings.Contains(err.Error(), "Cookie.Secret is required") {
		t.Errorf("no keys: got error %v", err)
	}
	if _, err := cookie.New().Open(t.Context(), config(name, "")); err == nil {
		t.Error("opened with an empty list of keys")
	}
	short := config(name, "", "s")
	short.Keys = func(string) [][]byte { return [][]byte{make([]byte, 31)} }
	if _, err := cookie.New().Open(t.Context(), short); err == nil {
		t.Error("opened with a short key")
	}
	for url, ok := range map[string]bool{
		"": true, "cookie:": true, "COOKIE:": true,
		"cookie://": false, "cookie:hunter2": false, "cookie:?hunter2": false, "redis://:hunter2@localhost": false,
	} {
		cfg := config(name, "", "secret")
		cfg.URL = url
		s, err := cookie.New().Open(t.Context(), cfg)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got error %v", url, err)
		}
		if s != nil {
			s.Close()
		}
	}
}

func TestRoundTrip(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	bare := record(0)
	bare.Owner = ""
	binary := record(3)
	binary.Data, binary.Owner = []byte{0, 0xff, '\n'}, "\x00\xff"
	for _, rec := range []driver.Record{record(520), bare, binary} {
		given := slices.Clone(rec.Data)
		sealed, err := s.Unseal(seal(t, s, rec))
		got := sealed.Record
		if err != nil || sealed.Key != key || sealed.Stale || !bytes.Equal(got.Data, rec.Data) || got.Owner != rec.Owner ||
			got.Version != rec.Version || got.Created != rec.Created || got.Accessed != rec.Accessed || got.Expires != rec.Expires {
			t.Errorf("sealed %+v\nunsealed %+v, %v", rec, sealed, err)
		}
		if !bytes.Equal(rec.Data, given) {
			t.Error("Seal changed the caller's data")
		}
	}
}

func TestTokenIsEncryptedAndRandom(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	a, b := seal(t, s, record(100)), seal(t, s, record(100))
	if a == b {
		t.Error("the same record gave the same token twice")
	}
	for _, form := range decoded(a) {
		for _, secret := range []string{"secret", "datadata", "user:42", string(key[:3])} {
			if bytes.Contains(form, []byte(secret)) {
				t.Errorf("the token shows %q", secret)
			}
		}
		for _, purpose := range []string{"cookie hash", "cookie block"} {
			if bytes.Contains(form, config(name, "", "secret").Keys(purpose)[0][:8]) {
				t.Errorf("the token shows the %s key", purpose)
			}
		}
	}
}

// A token is valid in a Cookie header, and does not change if a client decodes it
// as form data: it has no '+' or '%'.
func TestTokenIsCookieSafe(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	for size := range 64 {
		token := seal(t, s, record(size))
		if i := strings.IndexFunc(token, func(c rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=", c)
		}); i >= 0 {
			t.Errorf("character %q in a token", token[i])
		}
	}
}

func TestExpiredTokenIsRejected(t *testing.T) {
	cfg := config(name, "", "secret")
	now := noon
	cfg.Now = func() time.Time { return now }
	s := open(t, cfg)
	token := seal(t, s, record(9))
	now = noon.Add(time.Hour - time.Millisecond)
	if _, err := s.Unseal(token); err != nil {
		t.Errorf("a millisecond before its expiry: %v", err)
	}
	now = noon.Add(time.Hour)
	wantRejected(t, s, "at its expiry", token)
}

// securecookie's own maximum age of 30 days is off.
func TestOnlyRecordExpiryLimitsAge(t *testing.T) {
	cfg := config(name, "", "secret")
	cfg.Now = func() time.Time { return noon.AddDate(50, 0, 0) }
	s := open(t, cfg)
	rec := record(9)
	rec.Expires = driver.MillisOf(noon.AddDate(51, 0, 0))
	if _, err := s.Unseal(seal(t, s, rec)); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	old, other := open(t, config(name, "", "old")), open(t, config(name, "", "other"))
	rotated := open(t, config(name, "", "new", "older", "old"))
	sealed, err := rotated.Unseal(seal(t, old, record(9)))
	if err != nil || !sealed.Stale || sealed.Key != key {
		t.Errorf("token of a previous secret: %+v, %v", sealed, err)
	}
	fresh := seal(t, rotated, record(9))
	if sealed, err := rotated.Unseal(fresh); err != nil || sealed.Stale {
		t.Errorf("token of the current secret: %+v, %v", sealed, err)
	}
	wantRejected(t, old, "the new secret's token, by a store with only the old secret", fresh)
	wantRejected(t, rotated, "an unknown secret's token", seal(t, other, record(9)))
}

func TestTokenOfAnotherNameOrNamespaceIsRejected(t *testing.T) {
	s := open(t, config(name, "app", "secret"))
	wantRejected(t, s, "other cookie name", seal(t, open(t, config("other", "app", "secret")), record(9)))
	wantRejected(t, s, "other namespace", seal(t, open(t, config(name, "app2", "secret")), record(9)))

	// The token authenticates the cookie's name too, even with the same keys.
	cfg := config("other", "app", "secret")
	cfg.Keys = config(name, "app", "secret").Keys
	wantRejected(t, s, "other cookie name, same keys", seal(t, open(t, cfg), record(9)))
}

func TestKeysAreNotModified(t *testing.T) {
	keys := [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)}
	cfg := config(name, "", "secret")
	cfg.Keys = func(string) [][]byte { return keys }
	s := open(t, cfg)
	s.Unseal(seal(t, s, record(9)))
	if !bytes.Equal(keys[0], bytes.Repeat([]byte{1}, 32)) || !bytes.Equal(keys[1], bytes.Repeat([]byte{2}, 32)) {
		t.Errorf("keys are now %v", keys)
	}
}

func TestSize(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	rec := record(2176) // the limit in the package documentation
	rec.Owner = ""
	token := seal(t, s, rec)
	if n := len(name) + len(token); n > 4096 {
		t.Errorf("name and value have %d bytes", n)
	}
	if _, err := s.Unseal(token); err != nil {
		t.Errorf("2176 bytes: %v", err)
	}
	for size, total := range map[int]string{2177: "4100", 1 << 20: "1864"} {
		rec := record(size)
		rec.Owner = ""
		_, err := s.Seal(key, rec)
		if !errors.Is(err, driver.ErrTooLarge) || !strings.Contains(err.Error(), total) || !strings.Contains(err.Error(), "4096") {
			t.Errorf("%d bytes: got error %v", size, err)
		}
	}
	long := record(0)
	long.Owner = strings.Repeat("o", driver.MaxOwner+1)
	if _, err := s.Seal(key, long); !errors.Is(err, driver.ErrTooLarge) {
		t.Errorf("owner too long: got error %v", err)
	}
}

func TestUnsupportedMethods(t *testing.T) {
	s, ctx := open(t, config(name, "", "secret")), t.Context()
	_, loading := s.Load(ctx, key)
	for op, err := range map[string]error{
		"load":   loading,
		"save":   s.Save(ctx, key, 0, record(9)),
		"touch":  s.Touch(ctx, key, record(9)),
		"delete": s.Delete(ctx, key, 0),
	} {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.HasPrefix(err.Error(), "cookie: "+op+": ") {
			t.Errorf("%s: got error %v", op, err)
		}
	}
	if _, ok := s.(driver.Lister); ok {
		t.Error("the store implements driver.Lister")
	}
	if _, ok := s.(driver.Owners); ok {
		t.Error("the store implements driver.Owners")
	}
}

func TestClosed(t *testing.T) {
	s := open(t, config(name, "", "secret"))
	token := seal(t, s, record(9))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	_, sealing := s.Seal(key, record(9))
	_, unsealing := s.Unseal(token)
	_, loading := s.Load(t.Context(), key)
	for op, err := range map[string]error{"seal": sealing, "unseal": unsealing, "load": loading} {
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("%s: got error %v", op, err)
		}
	}
}
