package behaviour

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

var rounds = flag.Int("rounds", 0, "of TestDestroyOwnedFromAnotherProcess on each store; 0: as many as fit in two seconds")

// shared are the stores that processes can share and that list an owner's sessions,
// by name. The functions return the URL.
var shared = map[string]func(t testing.TB) string{
	"file": func(testing.TB) string { return "" },
	"dbm":  func(testing.TB) string { return "" },
}

// The clients' process finds its store in these variables.
const (
	clientStore = "SESSIONS_TEST_CLIENT_STORE"
	clientURL   = "SESSIONS_TEST_CLIENT_URL"
	clientDir   = "SESSIONS_TEST_CLIENT_DIR"
)

func sharedOptions(store, url, dir string) sessions.Options {
	return sessions.Options{Store: store, URL: url, DataDir: dir, Cookie: sessions.Cookie{Secret: secret}}
}

// TestDestroyOwnedFromAnotherProcess runs rounds of DestroyOwned against two clients
// that renew their sessions in a loop, in another process: first with one of the two
// sessions excepted, which must stay, and then without. Nothing may be left. 10,000
// rounds: go test ./internal/behaviour -run DestroyOwnedFrom -rounds 10000 -timeout 0
func TestDestroyOwnedFromAnotherProcess(t *testing.T) {
	for name, urlOf := range shared {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, dir, url := name, t.TempDir(), urlOf(t)
			if url != "" {
				store = "database"
			}
			m, _ := testapp.NewManager(t, sharedOptions(store, url, dir))
			clients := startClients(t, store, url, dir)
			n, end, began := 0, time.Now().Add(2*time.Second), time.Now()
			var slowest time.Duration
			for ; n < *rounds || *rounds == 0 && (time.Now().Before(end) || n < 4); n++ {
				owner := fmt.Sprint("user:", n)
				kept, ended := signIn(t, m, owner), signIn(t, m, owner)
				clients.tell(kept.Token() + " " + ended.Token())
				clients.hear("renewing")
				kept, err := m.Find(t.Context(), kept.ID()) // by its old ID
				if err != nil {
					t.Fatal(err)
				}
				slowest = max(slowest, destroyOwned(t, m, owner, 1, kept))
				clients.hear("1 ended")
				if _, err := m.Find(t.Context(), kept.ID()); err != nil { // a listing may miss it
					t.Fatalf("round %d: the excepted session: %v", n, err)
				}
				slowest = max(slowest, destroyOwned(t, m, owner, 1))
				clients.hear("0 ended")
				if left := len(ownedBy(t, m, owner)); left != 0 {
					t.Fatalf("round %d: %d sessions are left, want none", n, left)
				}
			}
			t.Logf("%d rounds in %v; the slowest DestroyOwned took %v", n, time.Since(began).Round(time.Millisecond), slowest.Round(time.Millisecond))
		})
	}
}

func signIn(t *testing.T, m *sessions.Manager, owner string) *sessions.Session {
	t.Helper()
	s := m.NewSession()
	if err := errors.Join(s.SetOwner(owner), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

// destroyOwned returns the time that it took.
func destroyOwned(t *testing.T, m *sessions.Manager, owner string, want int, except ...*sessions.Session) time.Duration {
	t.Helper()
	began := time.Now()
	n, err := m.DestroyOwned(t.Context(), owner, except...)
	if err != nil {
		t.Fatal(err)
	}
	if n < want { // a renewal that it interrupts has two records for a moment
		t.Fatalf("destroyed %d, want %d", n, want)
	}
	return time.Since(began)
}

func ownedBy(t *testing.T, m *sessions.Manager, owner string) (list []*sessions.Session) {
	t.Helper()
	for s, err := range m.Owned(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// clientProcess is a process of clients that renew their sessions.
type clientProcess struct {
	t   *testing.T
	in  io.Writer
	out chan string
}

func startClients(t *testing.T, store, url, dir string) *clientProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestClientsThatRenew$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), clientStore+"="+store, clientURL+"="+url, clientDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	c := &clientProcess{t, in, make(chan string)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.out)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case c.out <- lines.Text():
			case <-t.Context().Done(): // the end of the test
			}
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the clients' process: %v", err)
		}
	})
	return c
}

func (c *clientProcess) tell(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clientProcess) hear(want string) {
	c.t.Helper()
	select {
	case got := <-c.out:
		if got != want {
			c.t.Fatalf("the clients' process says %q, want %q", got, want)
		}
	case <-time.After(time.Minute):
		c.t.Fatalf("the clients' process does not say %q", want)
	}
}

// TestClientsThatRenew is the process of the clients. Each line of its input has the
// tokens of the clients of one round.
func TestClientsThatRenew(t *testing.T) {
	store := os.Getenv(clientStore)
	if store == "" {
		t.Skip("is started by TestDestroyOwnedFromAnotherProcess")
	}
	m, _ := testapp.NewManager(t, sharedOptions(store, os.Getenv(clientURL), os.Getenv(clientDir)))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var renewing, all sync.WaitGroup
		for i, token := range strings.Fields(lines.Text()) {
			renewing.Add(1)
			all.Go(func() {
				err := renewUntilEnded(m, token, sync.OnceFunc(renewing.Done))
				renewing.Wait()
				if errors.Is(err, sessions.ErrEnded) || errors.Is(err, sessions.ErrNotFound) {
					fmt.Println(i, "ended")
				} else {
					fmt.Println(i, err)
				}
			})
		}
		renewing.Wait()
		fmt.Println("renewing")
		all.Wait()
	}
}

// renewUntilEnded calls renewed after each renewal.
func renewUntilEnded(m *sessions.Manager, token string, renewed func()) error {
	defer renewed()
	for {
		s, err := m.Load(context.Background(), token)
		if err == nil {
			if err = s.Renew(); err == nil {
				err = s.Save(context.Background())
			}
		}
		if err != nil {
			return err
		}
		token = s.Token()
		renewed()
	}
}
