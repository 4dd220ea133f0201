package behaviour

import (
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/cookie"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/file"
	"github.com/pump-go/sessions/internal/testapp"
	"github.com/pump-go/sessions/memory"
)

// ability is a feature that not every store has. A test names those it needs, and is
// skipped for a store that declares a reason in cannot.
type ability string

const (
	// revoke: a session ended by one request is ended for every holder of its token.
	revoke ability = "revoke"
	// merge: the changes of concurrent requests on one session are merged.
	merge ability = "merge"
	// keep: the sessions are stored on the server and can be found by ID.
	keep ability = "keep"
	// stableToken: a save does not change the token.
	stableToken ability = "stableToken"
	// list: the sessions can be listed and counted.
	list ability = "list"
	// disk: the sessions are in files below Options.DataDir.
	disk ability = "disk"
)

// store is a store under test.
type store struct {
	name   string
	driver driver.Driver
	// server, if not nil, starts a server and returns its driver. If the server is not
	// installed, the test is skipped.
	server func(t testing.TB) driver.Driver
	cannot map[ability]string // missing abilities, with the reason
}

var noFiles = map[ability]string{disk: "it has no files below DataDir"}

var stores = []store{
	{name: "memory", driver: memory.New(memory.Options{}), cannot: noFiles},
	{name: "file", driver: file.New(file.Options{})},
	{name: "dbm", driver: dbm.New(dbm.Options{})},
	{name: "cookie", driver: cookie.New(), cannot: map[ability]string{
		revoke:      "a cookie once issued stays good until it expires",
		merge:       "of two answers the cookie that the client takes last is the session",
		keep:        "the sessions are with the clients",
		list:        "the sessions are with the clients",
		stableToken: "a save makes another token",
		disk:        "it has no files",
	}},
}

// everywhere runs a test on each store that has the abilities.
func everywhere(t *testing.T, test func(t *testing.T, st store), needs ...ability) {
	for _, st := range stores {
		t.Run(st.name, func(t *testing.T) {
			for _, need := range needs {
				if why, cannot := st.cannot[need]; cannot {
					t.Skipf("cannot %s: %s", need, why)
				}
			}
			t.Parallel()
			test(t, st)
		})
	}
}

// Secrets. Those used by TestTokensAndRecordsOfFormat1AreRead must not change.
var (
	secret  = []byte("the secret of the apps under test")
	secret2 = []byte("the one that takes its place later")
	secret3 = []byte("the one that takes the place of both")
)

// start starts an application on a real server. Each change may change its options.
func (st store) start(t *testing.T, change ...func(o *sessions.Options)) *testapp.App {
	t.Helper()
	d := st.driver
	if st.server != nil {
		d = st.server(t)
	}
	a := testapp.New(t, append([]func(*sessions.Options){func(o *sessions.Options) {
		o.Driver, o.DataDir, o.Cookie.Secret = d, t.TempDir(), secret
	}}, change...)...)
	a.Listen()
	return a
}
