package sessions_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// randomSource takes the place of the system's for the rest of the test.
func randomSource(t testing.TB, r io.Reader) {
	t.Helper()
	system := rand.Reader
	rand.Reader = r
	t.Cleanup(func() { rand.Reader = system })
}

// repeating is a source that gives the same bytes over and over, as in a machine
// that was copied while it ran.
type repeating byte

func (r repeating) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte{byte(r)}, len(b)))
	return len(b), nil
}

// Where the source repeats itself nobody gets into another's session: there is
// an error page, and the first one's session is as it was.
func TestARandomSourceThatRepeatsItself(t *testing.T) {
	randomSource(t, repeating(7))
	a := testapp.New(t)
	first := a.SignedIn()
	second := a.Client()
	res := second.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { testapp.User.Set(s, "eve") })
	testapp.Equal(t, "cookie", res.Cookie, nil)
	if log := a.Log.String(); !strings.Contains(log, "random source repeats itself") {
		t.Errorf("the log says: %s", log)
	}
	res = first.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Renew() })
	testapp.Equal(t, "cookie", res.Cookie, nil)
	testapp.Equal(t, "user", first.User(), "ann")
	testapp.Equal(t, "user of the second", second.User(), "")
	a.Store.Record(t)

	// Once it gives other bytes all is well.
	rand.Reader = repeating(8)
	second.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
	testapp.Equal(t, "user of the first", first.User(), "ann")
	testapp.Equal(t, "user of the second", second.User(), "bob")
}

// A source that fails ends the program: better no server than one whose ids can
// be guessed.
func TestARandomSourceThatFailsEndsTheProgram(t *testing.T) {
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
	cmd := exec.Command(program, "-test.run=^TestARandomSourceThatFailsEndsTheProgram$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "failed to read random data") {
		t.Errorf("the program ended with %v:\n%.500s", err, out)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no entropy") }
