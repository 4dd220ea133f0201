package dbsc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
	"github.com/pump-go/sessions/internal/testapp"
)

const (
	cookieName = "pump-session"
	boundName  = "pump-session-bound"
	basePath   = "/device-bound-session"
)

// site is an application with a binding.
type site struct {
	*testapp.App
	binding *dbsc.Binding
}

func newSite(t testing.TB, change ...func(*sessions.Options)) *site {
	t.Helper()
	s := &site{binding: newBinding(t, dbsc.Options{})}
	s.App = testapp.New(t, append([]func(*sessions.Options){func(o *sessions.Options) {
		o.Cookie.Secure, o.Cookie.Secret = true, testapp.Secret
		o.Guard = s.binding
	}}, change...)...)
	return s
}

func newBinding(t testing.TB, o dbsc.Options) *dbsc.Binding {
	t.Helper()
	b, err := dbsc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restart replaces the manager and its binding, as a deployment does.
func (s *site) restart(change func(*sessions.Options)) {
	s.T.Helper()
	s.binding = newBinding(s.T, dbsc.Options{})
	s.Deploy(func(o *sessions.Options) {
		o.Guard = s.binding
		if change != nil {
			change(o)
		}
	})
}

// device is a browser that supports the protocol, with its key, or a thief's.
type device struct {
	*testapp.Client
	site *site
	key  crypto.Signer
	// What the server has said.
	offer, id, challenge string
}

func (s *site) device() *device {
	return &device{Client: s.Client(), site: s, key: newKey(s.T)}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// copied returns a client with what malware has copied: the cookies.
func (d *device) copied() *device {
	return &device{Client: d.Copy(), site: d.site, key: newKey(d.T), id: d.id}
}

// send makes a request of the site, and remembers what the response says of the
// protocol.
func (d *device) send(method, path string, header http.Header, f func(s *sessions.Session)) *testapp.Response {
	d.T.Helper()
	r := httptest.NewRequestWithContext(d.T.Context(), method, "https://shop.example"+path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	got := d.Send(r, d.site.binding.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		io.WriteString(w, "done")
	})))
	if offer := regexp.MustCompile(`challenge="([^"]+)"`).FindStringSubmatch(got.Header.Get("Secure-Session-Registration")); offer != nil {
		d.offer = offer[1]
	}
	if challenge := regexp.MustCompile(`^"([^"]+)";id="([^"]+)"$`).FindStringSubmatch(got.Header.Get("Secure-Session-Challenge")); challenge != nil {
		d.challenge = challenge[1]
	}
	return got
}

// use makes a request that uses the session, and returns its status.
func (d *device) use(f func(s *sessions.Session)) int {
	d.T.Helper()
	return d.send("GET", "/", nil, f).StatusCode
}

func (d *device) wantUse(what string, status int) {
	d.T.Helper()
	user := ""
	got := d.use(func(s *sessions.Session) { user, _ = testapp.User.Get(s) })
	if got != status || status == http.StatusOK && user != "ann" || status != http.StatusOK && user != "" {
		d.T.Errorf("%s: status %d, user %q, want status %d", what, got, user, status)
	}
}

func signIn(s *sessions.Session) {
	s.Renew()
	s.SetOwner("ann")
	testapp.User.Set(s, "ann")
}

func (d *device) signIn() {
	d.T.Helper()
	d.offer = ""
	testapp.Equal(d.T, "status of the sign-in", d.use(signIn), http.StatusOK)
	if d.offer == "" {
		d.T.Error("the sign-in has no offer")
	}
}

// proof returns a JWS over the challenge.
func (d *device) proof(challenge string, withKey bool) string {
	return jws(d.T, d.key, challenge, withKey)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jws(t testing.TB, key crypto.Signer, challenge string, withKey bool) string {
	header := map[string]any{"typ": "dbsc+jwt"}
	var jwk map[string]string
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		header["alg"], jwk = "ES256", map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	case *rsa.PublicKey:
		header["alg"], jwk = "RS256", map[string]string{"kty": "RSA", "n": b64(public.N.Bytes()), "e": "AQAB"}
	}
	if withKey {
		header["jwk"] = jwk
	}
	return signed(t, key, header, map[string]any{"jti": challenge})
}

// signed returns the JWS of a header and claims.
func signed(t testing.TB, key crypto.Signer, header, claims any) string {
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b64(raw)
	}
	input := text(header) + "." + text(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	default:
		var err error
		if signature, err = key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	return input + "." + b64(signature)
}

// post makes a request of the protocol. It must not reach the site's own handler.
func (d *device) post(path string, header http.Header) *testapp.Response {
	d.T.Helper()
	return d.send("POST", basePath+path, header, func(*sessions.Session) { d.T.Error("a request of the protocol reaches the site's handler") })
}

func (d *device) registerWith(proof string) *testapp.Response {
	d.T.Helper()
	got := d.post("/register", http.Header{"Secure-Session-Response": {proof}})
	if got.StatusCode == http.StatusOK {
		var said struct {
			ID string `json:"session_identifier"`
		}
		if err := json.Unmarshal([]byte(got.Body), &said); err != nil {
			d.T.Error(err)
		}
		d.id = said.ID
	}
	return got
}

// register registers the device's key, as the offer asks for.
func (d *device) register() *testapp.Response {
	d.T.Helper()
	return d.registerWith(d.proof(d.offer, true))
}

// refreshWith makes one request for a bound cookie. Without a proof it has none.
func (d *device) refreshWith(proof string) *testapp.Response {
	d.T.Helper()
	header := http.Header{"Sec-Secure-Session-Id": {d.id}}
	if proof != "" {
		header.Set("Secure-Session-Response", proof)
	}
	return d.post("/refresh", header)
}

// refresh gets a new bound cookie as browsers do: it asks for a challenge first.
func (d *device) refresh() *testapp.Response {
	d.T.Helper()
	d.challenge = ""
	got := d.refreshWith("")
	if got.StatusCode != http.StatusForbidden || d.challenge == "" {
		return got
	}
	return d.refreshWith(d.proof(d.challenge, false))
}

func (d *device) wantRefresh(what string) {
	d.T.Helper()
	if got := d.refresh(); got.StatusCode != http.StatusOK || got.Body != "" {
		d.T.Errorf("refresh %s: %d %q", what, got.StatusCode, got.Body)
	}
}

// dropBound removes the bound cookie, as browsers do when it expires.
func (d *device) dropBound() string {
	value := d.Cookies[boundName]
	delete(d.Cookies, boundName)
	return value
}

// bound returns a device whose session is bound, and enforced.
func (s *site) bound() *device {
	s.T.Helper()
	d := s.device()
	d.signIn()
	if got := d.register(); got.StatusCode != http.StatusOK {
		s.T.Fatalf("registration: %d %q; log:\n%s", got.StatusCode, got.Body, s.Log)
	}
	d.wantUse("the first use after the registration", http.StatusOK)
	s.Clock.Advance(31 * time.Second)
	return d
}

func (s *site) wantLogged(times int, text string) {
	s.T.Helper()
	if n := strings.Count(s.Log.String(), text); n != times {
		s.T.Errorf("the log has %q %d times, want %d:\n%s", text, n, times, s.Log)
	}
}

const withoutDevice = "session used without its device"

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
