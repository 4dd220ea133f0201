package dbsc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/internal/testapp"
)

// Bad input: each is refused, and changes nothing.
func TestBadProofs(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	other := s.device()
	other.signIn()
	registered := s.bound()
	header := func(edit func(h map[string]any)) map[string]any {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(d.proof(d.offer, true), ".")[0])
		if err != nil {
			t.Fatal(err)
		}
		var h map[string]any
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		edit(h)
		return h
	}
	claims := map[string]any{"jti": d.offer}
	good := d.proof(d.offer, true)
	parts := strings.Split(good, ".")
	jwk := func(h map[string]any) map[string]any { return h["jwk"].(map[string]any) }
	registered.challenge = ""
	registered.refreshWith("")
	bad := map[string]string{
		"nothing":                 "",
		"text":                    "proof",
		"two parts":               parts[0] + "." + parts[1],
		"four parts":              good + ".AAAA",
		"truncated":               good[:len(good)-4],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"another signature":       parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
		"another key's":           parts[0] + "." + parts[1] + "." + strings.Split(other.proof(d.offer, true), ".")[2],
		"padded":                  good + "==",
		"too long":                good + strings.Repeat("A", 5000),
		"not JSON":                "e30K." + parts[1] + "." + parts[2],
		"none":                    signed(t, d.key, header(func(h map[string]any) { h["alg"] = "none" }), claims),
		"none without signature":  b64([]byte(`{"alg":"none","typ":"dbsc+jwt"}`)) + "." + parts[1] + ".",
		"HS256":                   signed(t, d.key, header(func(h map[string]any) { h["alg"] = "HS256" }), claims),
		"RS256 with an EC key":    signed(t, d.key, header(func(h map[string]any) { h["alg"] = "RS256" }), claims),
		"ALG":                     signed(t, d.key, header(func(h map[string]any) { h["ALG"] = h["alg"]; delete(h, "alg") }), claims),
		"another type":            signed(t, d.key, header(func(h map[string]any) { h["typ"] = "JWT" }), claims),
		"critical":                signed(t, d.key, header(func(h map[string]any) { h["crit"] = []string{"exp"} }), claims),
		"no key":                  signed(t, d.key, header(func(h map[string]any) { delete(h, "jwk") }), claims),
		"null key":                signed(t, d.key, header(func(h map[string]any) { h["jwk"] = nil }), claims),
		"another curve":           signed(t, d.key, header(func(h map[string]any) { jwk(h)["crv"] = "P-384" }), claims),
		"a point off the curve":   signed(t, d.key, header(func(h map[string]any) { jwk(h)["x"] = jwk(h)["y"] }), claims),
		"the point at infinity":   signed(t, d.key, header(func(h map[string]any) { jwk(h)["x"], jwk(h)["y"] = "", "" }), claims),
		"a short coordinate":      signed(t, d.key, header(func(h map[string]any) { jwk(h)["x"] = "AAAA" }), claims),
		"a line break":            signed(t, d.key, header(func(h map[string]any) { jwk(h)["x"] = jwk(h)["x"].(string) + "\n" }), claims),
		"a short RSA key":         jws(t, rsaKey(t, 1024), d.offer, true),
		"no challenge":            signed(t, d.key, header(func(map[string]any) {}), map[string]any{}),
		"another session's":       d.proof(other.offer, true),
		"a refresh's challenge":   d.proof(registered.challenge, true),
		"an altered challenge":    d.proof(d.offer[:20]+flip(d.offer[20])+d.offer[21:], true),
		"a truncated challenge":   d.proof(d.offer[:40], true),
		"a challenge of a number": signed(t, d.key, header(func(map[string]any) {}), map[string]any{"jti": 1}),
	}
	before := s.Store.RecordsByKey(t)
	for name, proof := range bad {
		got := d.registerWith(proof)
		if got.StatusCode != http.StatusBadRequest || got.Body != "" || len(got.Cookies()) > 0 || got.Header.Get("Secure-Session-Challenge") != "" {
			t.Errorf("registration, %s: %d %q %v", name, got.StatusCode, got.Body, got.Cookies())
		}
	}
	s.Clock.Advance(time.Minute)
	for name, proof := range bad {
		got := registered.refreshWith(proof)
		if got.StatusCode != http.StatusForbidden || got.Body != "" || len(got.Cookies()) > 0 {
			t.Errorf("refresh, %s: %d %q %v", name, got.StatusCode, got.Body, got.Cookies())
		}
	}
	// Crossed: another's key over this challenge, this key over another's challenge.
	stranger := s.bound()
	stranger.refreshWith("")
	registered.refreshWith("")
	for name, proof := range map[string]string{
		"another's key":         stranger.proof(registered.challenge, false),
		"another's challenge":   registered.proof(stranger.challenge, false),
		"another's proof":       stranger.proof(stranger.challenge, false),
		"the offer's challenge": registered.proof(registered.offer, false),
		"another algorithm": signed(t, registered.key, map[string]any{"alg": "RS256", "typ": "dbsc+jwt"},
			map[string]any{"jti": registered.challenge}),
	} {
		got := registered.refreshWith(proof)
		if got.StatusCode != http.StatusForbidden || len(got.Cookies()) > 0 {
			t.Errorf("refresh, %s: %d %v", name, got.StatusCode, got.Cookies())
		}
	}
	after := s.Store.RecordsByKey(t)
	for key, rec := range before {
		if now := after[key]; now.Version != rec.Version || now.Accessed != rec.Accessed {
			t.Errorf("the record %v has changed", key)
		}
	}
	testapp.Equal(t, "the good registration", d.registerWith(good).StatusCode, http.StatusOK)
	registered.wantRefresh("a good one")
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// A bound cookie is good for its session and key only, and each bit counts.
func TestBadBoundCookies(t *testing.T) {
	s := newSite(t)
	d, other := s.bound(), s.bound()
	good := d.Cookies[boundName]
	values := []string{"", "x", good[:60], good + "AAAA", good + "=", strings.Repeat("A", 64), strings.ToLower(good), other.Cookies[boundName]}
	for i := range good {
		values = append(values, good[:i]+flip(good[i])+good[i+1:])
	}
	for _, value := range values {
		d.Cookies[boundName] = value
		d.wantUse("cookie "+value, http.StatusForbidden)
	}
	d.Cookies[boundName] = good
	d.wantUse("the good one", http.StatusOK)
	delete(d.Cookies, boundName)
	for _, line := range []string{boundName + "=x; " + boundName + "=" + good, boundName + "=" + good + "; " + boundName + "=x"} {
		d.Extra = []string{line}
		d.wantUse("the good one among others", http.StatusOK)
	}
	d.Extra = []string{strings.Repeat(boundName+"=x; ", 4) + boundName + "=" + good}
	d.wantUse("the good one behind too many", http.StatusForbidden)
}

// A thousand bad registrations and refreshes write nothing, and load at most the session.
func TestThousandRegistrations(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	other := s.device()
	other.signIn()
	s.Store.Calls()
	proof := d.proof(other.offer, true)
	for range 1000 {
		d.registerWith(proof)
	}
	testapp.Equal(t, "loads", s.Store.Since("Load"), 1000)
	for range 1000 {
		d.registerWith(d.proof("AAAA", true))
	}
	testapp.Equal(t, "calls with a challenge that cannot be ours", s.Store.Since("Load", "Save", "Touch", "Delete"), 0)
	d.register()
	n := len(s.Store.Records(t))
	for range 1000 {
		d.register()
	}
	testapp.Equal(t, "writes of the same registration", s.Store.Since("Save", "Touch", "Delete"), 1)
	testapp.Equal(t, "records", len(s.Store.Records(t)), n)
}
