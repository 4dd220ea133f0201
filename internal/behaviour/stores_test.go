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

// ability is something that not every store can do. A test names those that it
// needs, and is skipped, by name, on a store that declares that it cannot.
type ability string

const (
	// revoke: what one request ended is over for whoever else has the token.
	revoke ability = "revoke"
	// merge: parallel requests on one session all count.
	merge ability = "merge"
	// keep: the sessions are on the server, where they can be found.
	keep ability = "keep"
	// settle: a save leaves the token, and so the client's cookie, as it is.
	settle ability = "settle"
	// list: the sessions can be listed, and counted.
	list ability = "list"
	// disk: the sessions are in files below Options.DataDir.
	disk ability = "disk"
)

// store is a store under test.
type store struct {
	name   string
	driver driver.Driver
	// server starts what the driver needs, in place of driver. A server that is
	// not installed skips the test.
	server func(t testing.TB) driver.Driver
	cannot map[ability]string // and why
}

var noFiles = map[ability]string{disk: "it has no files below DataDir"}

var stores = []store{
	{name: "memory", driver: memory.New(memory.Options{}), cannot: noFiles},
	{name: "file", driver: file.New(file.Options{})},
	{name: "dbm", driver: dbm.New(dbm.Options{})},
	{name: "cookie", driver: cookie.New(), cannot: map[ability]string{
		revoke: "a cookie once issued stays good until it expires",
		merge:  "of two answers the cookie that the client takes last is the session",
		keep:   "the sessions are with the clients",
		list:   "the sessions are with the clients",
		settle: "a save makes another token",
		disk:   "it has no files",
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
			test(t, st)
		})
	}
}

// Secrets. Those of the stored tokens of TestTokensAndRecordsOfFormat1AreRead must
// stay.
var (
	secret  = []byte("the secret of the apps under test")
	secret2 = []byte("the one that takes its place later")
	secret3 = []byte("the one that takes the place of both")
)

// start runs an application on a real server. Each change of its options is
// optional.
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
