//go:build unix

package natsdriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// The store as a program uses it, through the manager and over HTTP, while its
// server is killed, hangs and starts again. The server is a process of its own:
// this test's program, started again.

const serverPort, serverDir = "NATSDRIVER_TEST_PORT", "NATSDRIVER_TEST_DIR"

func TestMain(m *testing.M) {
	if os.Getenv(serverPort) == "" {
		os.Exit(m.Run())
	}
	port, _ := strconv.Atoi(os.Getenv(serverPort))
	if _, err := newServer(port, os.Getenv(serverDir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
}

type process struct {
	t    testing.TB
	port string
	dir  string
	cmd  *exec.Cmd
}

func startProcess(t testing.TB) *process {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	p := &process{t: t, port: port, dir: t.TempDir()}
	p.start()
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) url() string { return "nats://127.0.0.1:" + p.port }

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), serverPort+"="+p.port, serverDir+"="+p.dir)
	p.cmd.Stderr = os.Stderr
	if _, err := p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for range 2000 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+p.port); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatal("the server does not start")
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	if sig == syscall.SIGSTOP { // wait until it has stopped
		if _, err := syscall.Wait4(p.cmd.Process.Pid, nil, syscall.WUNTRACED, nil); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

const visits sessions.Key[int] = "visits"

// site counts visits; /in?name signs in, /out signs out on all other devices.
type site struct {
	*sessions.Manager
	url string
}

func newSite(t testing.TB, o sessions.Options) site {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/visit":
			visits.Update(s, func(n int) int { return n + 1 })
		case "/in":
			s.Renew()
			_ = s.SetOwner(r.URL.RawQuery)
		case "/out":
			if _, err := m.DestroyOwned(r.Context(), s.Owner(), s); err != nil {
				panic(err)
			}
		}
		n, _ := visits.Get(s)
		fmt.Fprint(w, n, s.Owner())
	})))
	t.Cleanup(s.Close)
	return site{m, s.URL}
}

// browser keeps the cookie.
type browser struct {
	t    testing.TB
	site site
	http.Client
}

func (s site) visitor(t testing.TB) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{t, s, http.Client{Jar: jar}}
}

func (b *browser) get(path string) (status int, page string, cookies int) {
	b.t.Helper()
	answer, err := b.Client.Get(b.site.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(body), len(answer.Cookies())
}

func (b *browser) sees(path, want string) {
	b.t.Helper()
	if status, page, _ := b.get(path); status != http.StatusOK || page != want {
		b.t.Errorf("%s: %d %q, want %q", path, status, page, want)
	}
}

// fails wants the error page, soon, and the cookie left alone.
func (b *browser) fails(path string) {
	b.t.Helper()
	began := time.Now()
	if status, page, cookies := b.get(path); status != http.StatusServiceUnavailable || cookies > 0 {
		b.t.Errorf("%s: %d %q with %d cookies, want the error page and none", path, status, page, cookies)
	}
	if took := time.Since(began); took > 5*time.Second {
		b.t.Errorf("%s: the error page took %v", path, took)
	}
}

// answers waits until the store answers.
func (s site) answers(t testing.TB) {
	t.Helper()
	for range 200 {
		if s.Ping(t.Context()) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the store does not answer")
}

// While it is down every call fails at once: nothing waits, and nothing is kept to be
// sent later. Only a call that was under way as the connection broke waits for its
// context.
func TestAServerThatIsKilledAndStartsAgain(t *testing.T) {
	p := startProcess(t)
	site := newSite(t, sessions.Options{URL: p.url(), StoreTimeout: 20 * time.Second})
	b := site.visitor(t)
	site.answers(t)
	b.sees("/visit", "1")
	p.kill()
	site.notices(t)
	for range 3 {
		b.fails("/visit")
	}
	p.start()
	site.answers(t)
	b.sees("/visit", "2") // what failed did not land later
}

func TestAServerThatHangs(t *testing.T) {
	p := startProcess(t)
	site := newSite(t, sessions.Options{URL: p.url(), StoreTimeout: 300 * time.Millisecond})
	b := site.visitor(t)
	site.answers(t)
	b.sees("/visit", "1")
	p.signal(syscall.SIGSTOP)
	for range 3 {
		b.fails("/visit")
	}
	p.signal(syscall.SIGCONT)
	site.answers(t)
	b.sees("/visit", "2") // the load failed before, so nothing was counted
}

// A program starts while the server is down.
func TestAServerThatIsNotThereYet(t *testing.T) {
	p := startProcess(t)
	p.kill()
	site := newSite(t, sessions.Options{URL: p.url(), StoreTimeout: 300 * time.Millisecond})
	b := site.visitor(t)
	b.fails("/visit")
	p.start()
	site.answers(t)
	b.sees("/visit", "1")
}

func TestSignOutOtherDevices(t *testing.T) {
	site := newSite(t, sessions.Options{URL: startNATS(t)})
	phone, laptop, other := site.visitor(t), site.visitor(t), site.visitor(t)
	for _, b := range []*browser{phone, laptop, other} {
		b.sees("/visit", "1")
	}
	phone.sees("/in?ann", "1ann")
	laptop.sees("/in?ann", "1ann")
	other.sees("/in?bob", "1bob")
	laptop.sees("/out", "1ann")
	phone.sees("/", "0")
	laptop.sees("/", "1ann")
	other.sees("/", "1bob")
	n := 0
	for _, err := range site.All(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d sessions are listed, want 2", n)
	}
}

// notices waits until the client knows that its connection is gone: from then on a
// call fails well before its context ends.
func (s site) notices(t testing.TB) {
	t.Helper()
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := s.Ping(ctx)
		over := ctx.Err()
		cancel()
		if err != nil && over == nil {
			return
		}
	}
	t.Fatal("no call fails before its context ends")
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"nats:", "nats://", "nats://h\x7f:secret@x", "nats://u:secret@h:port/b", "nats://u:secret@h/a.b", "nats://u:secret@h/b?x=1"} {
		_, err := sessions.New(t.Context(), sessions.Options{Store: "nats", URL: bad})
		if err == nil || strings.Contains(err.Error(), "secret") || errors.Is(err, sessions.ErrUnknownStore) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
