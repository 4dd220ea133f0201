package browsertest

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
	"github.com/pump-go/sessions/internal/chromium"
	"github.com/pump-go/sessions/internal/testapp"
)

// life is short, so that the test sees several refreshes. The browser keeps the cookie
// for four seconds, and the server takes it for one and a half more.
const life = 5500 * time.Millisecond

const (
	host      = "shop.test"
	otherHost = "elsewhere.test"
)

// site is a web site over TLS, with a binding.
type site struct {
	*testapp.App
	t       *testing.T
	binding *dbsc.Binding // the present one
	server  *httptest.Server
	address string // https://shop.test:port
	other   string // the same server, as another site
	handler atomic.Pointer[http.Handler]
	loseOne atomic.Bool // the answer of the next registration

	mu     sync.Mutex
	counts map[string]int // by path and status
	trace  []string
}

func newSite(t *testing.T) *site {
	s := &site{t: t, counts: make(map[string]int)}
	s.App = testapp.New(t, func(o *sessions.Options) {
		o.Now = time.Now
		o.Cookie.Secure, o.Cookie.Secret = true, testapp.Secret
		o.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusServiceUnavailable
			if strings.Contains(err.Error(), sessions.ErrRefused.Error()) {
				status = http.StatusForbidden
			}
			http.Error(w, "error page", status)
		}
		o.Guard = s.newBinding()
	})
	s.install()
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that the browser gives up
	s.server.TLS = chromium.TLS(t, host, otherHost)
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	u, err := url.Parse(s.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.other = "https://"+host+":"+u.Port(), "https://"+otherHost+":"+u.Port()
	t.Cleanup(func() {
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Logf("requests:\n%s\nlog:\n%s", strings.Join(s.trace, "\n"), s.Log)
		}
	})
	return s
}

func (s *site) newBinding() *dbsc.Binding {
	b, err := dbsc.New(dbsc.Options{Life: life, Exclude: []string{"/static"}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.binding = b
	return b
}

// install serves the present manager.
func (s *site) install() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		user, _ := testapp.User.Get(sessions.FromContext(r.Context()))
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><title>shop</title><p id=user>user:%s", user)
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		user, _ := testapp.User.Get(sessions.FromContext(r.Context()))
		fmt.Fprintf(w, "user:%s", user)
	})
	mux.HandleFunc("GET /bound", func(w http.ResponseWriter, r *http.Request) {
		_, ok := dbsc.Bound(sessions.FromContext(r.Context()))
		fmt.Fprint(w, ok)
	})
	mux.HandleFunc("GET /static/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "static") })
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		session := sessions.FromContext(r.Context())
		session.Renew()
		session.SetOwner("ann")
		testapp.User.Set(session, "ann")
	})
	mux.HandleFunc("POST /renew", func(w http.ResponseWriter, r *http.Request) { sessions.FromContext(r.Context()).Renew() })
	mux.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		_ = sessions.FromContext(r.Context()).Destroy(r.Context())
	})
	h := s.Manager.Wrap(s.binding.Handler(mux))
	s.handler.Store(&h)
}

// restart replaces all that a server has in memory. The store remains.
func (s *site) restart() {
	b := s.newBinding()
	s.Deploy(func(o *sessions.Options) { o.Guard = b })
	s.install()
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Host, otherHost) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>elsewhere</title><a id=link href="%s/">a link</a>`, s.address)
		return
	}
	record := &recorder{ResponseWriter: w, status: http.StatusOK}
	(*s.handler.Load()).ServeHTTP(record, r)
	name := strings.TrimPrefix(r.URL.Path, "/device-bound-session")
	s.mu.Lock()
	s.counts[fmt.Sprint(name, " ", record.status)]++
	s.trace = append(s.trace, fmt.Sprintf("%s %s %s: %d; cookies %s; skipped %q; challenge %q", time.Now().Format("05.000"), r.Method, r.URL.Path, record.status,
		cookieNames(r), r.Header.Get("Secure-Session-Skipped"), w.Header().Get("Secure-Session-Challenge")))
	s.mu.Unlock()
	if name == "/register" && s.loseOne.Swap(false) {
		panic(http.ErrAbortHandler)
	}
}

// count returns how often a path was answered with a status.
func (s *site) count(path string, status int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[fmt.Sprint(path, " ", status)]
}

func cookieNames(r *http.Request) string {
	var names []string
	for _, c := range r.Cookies() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ",")
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
