package sessions_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestInvalidCookiesAreIgnored(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, store := testapp.NewManager(t, o)
		token := testapp.SignIn(t, m).Token()
		for name, lines := range map[string][]string{
			"empty value":            {"pump-session="},
			"no value":               {"pump-session"},
			"empty header":           {""},
			"semicolons":             {";;;; ; ;"},
			"equals":                 {"===;=;=pump-session;pump-session=="},
			"forged":                 {"pump-session=" + strings.Repeat("A", len(token))},
			"truncated":              {"pump-session=" + token[:len(token)-1]},
			"a megabyte":             {"pump-session=" + strings.Repeat("A", 1<<20)},
			"a megabyte of names":    {strings.Repeat("pump-session=;", 1<<20/14)},
			"a megabyte of spaces":   {"pump-session=" + strings.Repeat(" ", 1<<20) + token + "x"},
			"quoted":                 {`pump-session="` + token + `"`}, // we never send quotes
			"half a quote":           {`pump-session="` + token},
			"spaces around the sign": {"pump-session = " + token},
			"a comma for semicolon":  {"a=b, pump-session=" + token},
			"the name as a value":    {"x=pump-session=" + token},
			"control characters":     {"pump-session=\x00\x01\x7f", "\x00=\x00"},
			"invalid UTF-8":          {"pump-session=\xff\xfe\xfd"},
			"a path":                 {"pump-session=../../../../etc/passwd", `pump-session=..\..\x`, "pump-session=/"},
			"500 of our name":        slices.Repeat([]string{"pump-session=" + strings.Repeat("A", len(token))}, 500),
		} {
			t.Run(name, func(t *testing.T) {
				var before int
				if store != nil {
					before = store.Total()
				}
				b := testapp.NewClient(t, m)
				b.Extra = lines
				testapp.NoCookie(t, b.Visit(func(s *sessions.Session) {
					if !s.IsNew() || s.Get("user") != nil || s.Err() != nil {
						t.Errorf("a session was opened (%v)", s.Err())
					}
				}))
				if store != nil && store.Total() != before {
					t.Error("the cookie caused a store call")
				}
				// A new session can be started, with another ID.
				c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.Set("user", "bob") }))
				if strings.Contains(strings.Join(lines, ""), c.Value) || len(c.Value) == 0 {
					t.Errorf("got new token %q", c.Value)
				}
			})
		}
	})
}

func TestSessionCookieAmongInvalidOnes(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, _ := testapp.NewManager(t, o)
		token := testapp.SignIn(t, m).Token()
		own := "pump-session=" + token
		other := testapp.SignIn(t, m)
		other.Visit(func(s *sessions.Session) { s.Set("user", "bob") })
		forged := "pump-session=" + strings.Repeat("A", len(token))
		for name, c := range map[string]struct {
			lines []string
			want  string
		}{
			"alone":                         {[]string{own}, "ann"},
			"behind others":                 {[]string{"a=b; c=d; " + own + "; e=f"}, "ann"},
			"no space":                      {[]string{"a=b;" + own + ";c=d"}, "ann"},
			"tabs":                          {[]string{"a=b;\t" + own + "\t;c=d"}, "ann"},
			"trailing semicolon":            {[]string{own + ";"}, "ann"},
			"several header lines":          {[]string{"a=b", "c=d", own}, "ann"},
			"illegal names and values":      {[]string{`a b=c; "=; (x)=y; =; ; é=ü; q="unclosed`, `{"json": [1, 2]}; ` + own + "; \x00"}, "ann"},
			"a value with equals":           {[]string{"x=a=b==; " + own}, "ann"},
			"similar names":                 {[]string{"pump-session2=x; xpump-session=y; Pump-Session=z; " + own}, "ann"},
			"behind a forged one":           {[]string{forged, own}, "ann"},
			"before a forged one":           {[]string{own, forged}, "ann"},
			"behind an empty one":           {[]string{"pump-session=; " + own}, "ann"},
			"the first that verifies":       {[]string{forged, own, "pump-session=" + other.Token()}, "ann"},
			"the first that verifies, bob":  {[]string{forged, "pump-session=" + other.Token(), own}, "bob"},
			"behind 15 forged ones":         {append(slices.Repeat([]string{forged}, 15), own), "ann"},
			"behind too many, work bounded": {append(slices.Repeat([]string{forged}, 16), own), ""},
			"4000 other cookies":            {[]string{strings.Repeat("a=b; ", 4000) + own}, "ann"},
		} {
			t.Run(name, func(t *testing.T) {
				b := testapp.NewClient(t, m)
				b.Extra = c.lines
				if user := b.User(); user != c.want {
					t.Errorf("got user %v, want %v", user, c.want)
				}
			})
		}
	})
}

// No header opens a session other than the one of its valid token, has its ID
// adopted, or causes a store call for a token that does not verify.
func FuzzCookieHeader(f *testing.F) {
	m, store := testapp.NewManager(f, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	sealed, _ := testapp.NewManager(f, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	tokens := []string{testapp.SignIn(f, m).Token(), testapp.SignIn(f, sealed).Token()}
	for _, seed := range []string{
		"", "pump-session", "pump-session=", "pump-session=x", "a=b; pump-session=" + strings.Repeat("A", 86), ";;=;",
		`pump-session="quoted"`, "pump-session=a; pump-session=b", "\x00=\xff", "pump-session=" + strings.Repeat("A", 43),
		strings.Repeat("pump-session=;", 20), "pump-session=../../x", "pump-session=\n" + strings.Repeat("A", 85),
	} {
		f.Add(seed, "pump-session="+strings.Repeat("A", 85)+"B")
	}
	records := len(store.RecordsByKey(f))
	f.Fuzz(func(t *testing.T, line1, line2 string) {
		for i, m := range []*sessions.Manager{m, sealed} {
			if strings.Contains(line1+line2, tokens[i]) {
				t.Skip("our own token")
			}
			before := store.Total()
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header["Cookie"] = []string{line1, line2}
			w := httptest.NewRecorder()
			m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s := sessions.FromContext(r.Context())
				if !s.IsNew() || s.Get("user") != nil || s.Err() != nil {
					t.Errorf("%q, %q opened a session (%v)", line1, line2, s.Err())
				}
			})).ServeHTTP(w, r)
			if w.Code != 200 || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("got status %d, Set-Cookie %q", w.Code, w.Header()["Set-Cookie"])
			}
			if store.Total() != before {
				t.Errorf("%q, %q caused a store call", line1, line2)
			}
		}
		if len(store.RecordsByKey(t)) != records {
			t.Error("a record was created")
		}
	})
}

// Hostile headers, as far as net/http accepts them: each request gets a response,
// opens no session, stores nothing, and the next request works.
func TestHostileCookieHeaders(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, store := testapp.NewManager(t, o)
		srv := httptest.NewServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if r.URL.Path == "/sign-in" {
				s.Set("user", "ada")
			}
			fmt.Fprint(w, s.Get("user"), s.IsNew(), s.Err())
		})))
		defer srv.Close()
		send := func(head string) (status int, body string, header http.Header) {
			t.Helper()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.WriteString(conn, head+"\r\n") // the server may not read all of it
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(b), resp.Header
		}
		const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		_, _, h := send("GET /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
		c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		token := c.Value
		var before int
		if store != nil {
			before = store.Total()
		}
		const refused = http.StatusBadRequest
		for name, test := range map[string]struct {
			head   string
			status int
		}{
			"10,000 cookies of our name":     {get + "Cookie: " + strings.Repeat("pump-session=x; ", 10_000) + "\r\n", 200},
			"lines and lines of our name":    {get + strings.Repeat("Cookie: pump-session="+token[1:]+"\r\n", 900_000/(len(token)+22)), 200},
			"900 KB of one value":            {get + "Cookie: pump-session=" + strings.Repeat("A", 900_000) + "\r\n", 200},
			"900 KB of spaces":               {get + "Cookie: pump-session=" + strings.Repeat(" ", 900_000) + token[1:] + "\r\n", 200},
			"900 KB of separators":           {get + "Cookie: " + strings.Repeat(";=", 450_000) + "\r\n", 200},
			"two megabytes":                  {get + "Cookie: " + strings.Repeat("a=b; ", 400_000) + "\r\n", http.StatusRequestHeaderFieldsTooLarge},
			"a folded line":                  {get + "Cookie: pump-session=" + token[:10] + "\r\n " + token[10:] + "\r\n", 200},
			"a NUL":                          {get + "Cookie: pump-session=\x00\r\n", refused},
			"a bare CR":                      {get + "Cookie: pump-session=\r" + token + "\r\n", refused},
			"a token in the URL":             {"GET /?pump-session=" + token + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 200},
			"a token in the path":            {"GET /;pump-session=" + token + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 200},
			"a token in other fields":        {get + "Authorization: Bearer " + token + "\r\nX-Session: " + token + "\r\nCookie2: pump-session=" + token + "\r\nSet-Cookie: pump-session=" + token + "\r\n", 200},
			"a token in the trailer":         {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: Cookie\r\n\r\n0\r\nCookie: pump-session=" + token + "\r\n", 200},
			"HTTP/1.0, no host":              {"GET / HTTP/1.0\r\nCookie: pump-session=" + token[:len(token)-1] + "\r\n", 200},
			"the name in another case":       {get + "Cookie: PUMP-SESSION=" + token + "\r\n", 200},
			"the name with a space":          {get + "Cookie: pump-session =" + token + "\r\n", 200},
			"the name with a NEL":            {get + "Cookie: \u0085pump-session=" + token + "\r\n", 200},
			"the value in quotes":            {get + `Cookie: pump-session="` + token + `"` + "\r\n", 200},
			"old attributes":                 {get + `Cookie: $Version=1; pump-session="` + token + `"; $Path=/` + "\r\n", 200},
			"percent signs":                  {get + "Cookie: pump-session=%" + token + "\r\n", 200},
			"the value of another encoding":  {get + "Cookie: pump-session=" + strings.ToUpper(token) + "\r\n", 200},
			"two values with a comma":        {get + "Cookie: pump-session=" + token + ", pump-session=" + token + "\r\n", 200},
			"a Cookie line without a colon":  {get + "Cookie pump-session=" + token + "\r\n", refused},
			"a token behind a line feed":     {get + "Cookie: a=b;\n pump-session" + "=" + token[1:] + "\r\n", 200},
			"a carriage return in the value": {get + "Cookie: pump-session=" + token + "%0d%0aSet-Cookie: x=y\r\n", 200},
		} {
			t.Run(name, func(t *testing.T) {
				status, body, h := send(test.head)
				if status != test.status || status == 200 && body != "<nil> true <nil>" {
					t.Errorf("got status %d, body %.100q, want status %d", status, body, test.status)
				}
				if len(h["Set-Cookie"]) > 0 {
					t.Errorf("got Set-Cookie %q, want none", h["Set-Cookie"])
				}
			})
		}
		if store != nil && store.Total() != before {
			t.Errorf("got %d store calls, want 0", store.Total()-before)
		}
		if _, body, _ := send(get + "Cookie: pump-session=" + token + "\r\n"); body != "adafalse <nil>" {
			t.Errorf("the client with the token got %q", body)
		}
	})
}

// A browser sends every matching cookie of our name, those with longer paths first.
// After a change of Cookie.Path or Cookie.Domain it has two: the old one, which the
// server cannot replace, and the current one.

// A cookie whose session has ended must not hide the one after it, or the user could
// not sign in until the browser drops it, up to 400 days later.
func TestDeadCookieDoesNotHideLiveOne(t *testing.T) {
	const day = 24 * time.Hour
	for name, end := range map[string]func(a *testapp.App, c *testapp.Client){
		"destroyed": func(a *testapp.App, c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) }) },
		"renewed":   func(a *testapp.App, c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Renew() }) },
		"idle too long": func(a *testapp.App, c *testapp.Client) {
			a.Clock.Advance(2 * day)
		},
		"past a lifetime that was shortened": func(a *testapp.App, c *testapp.Client) {
			a.Clock.Advance(time.Hour)
			a.Deploy(func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Minute, time.Minute })
		},
		"damaged": func(a *testapp.App, c *testapp.Client) {
			e := a.Store.Record(t)
			e.Record.Data = []byte{0}
			a.Store.Put(t, e.Key, e.Record)
		},
	} {
		for secret, secrets := range map[string][]byte{"signed": testapp.Secret, "unsigned": nil} {
			t.Run(name+", "+secret, func(t *testing.T) {
				a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout, o.Cookie.Secret = day, secrets })
				old := a.SignedIn()
				dead := old.Copy().Token()
				end(a, old)
				c := a.Client()
				c.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
				// Both orders, and the first one several times.
				live := c.Token()
				for _, cookie := range []string{
					dead + "; pump-session=" + live, live + "; pump-session=" + dead,
					dead + "; pump-session=" + dead + "; pump-session=" + dead + "; pump-session=" + live,
				} {
					both := a.ClientWith(cookie)
					res := both.OK(func(s *sessions.Session) {
						testapp.Equal(t, "user", s.Get("user"), any("bob"))
						testapp.Equal(t, "Err", s.Err(), nil)
						testapp.Equal(t, "Token", s.Token(), live)
						testapp.Increment(s)
					})
					testapp.Equal(t, "cookie", res.Cookie, nil)
				}
				testapp.Equal(t, "count", c.Count(), 3)
			})
		}
	}
}

// The work is bounded, since an attacker can collect expired tokens for free.
func TestDeadCookiesCostFewLoads(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	dead := c.Token()
	c.OK(func(s *sessions.Session) { s.Renew() })
	cookie := dead
	for range 20 {
		cookie += "; pump-session=" + dead
	}
	a.Store.Calls()
	flood := a.ClientWith(cookie + "; pump-session=" + c.Token())
	flood.OK(func(s *sessions.Session) { testapp.Equal(t, "IsNew", s.IsNew(), true) })
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load Load Load Load")
}

// An outage is not treated as a dead session.
func TestOutageDoesNotTryNextCookie(t *testing.T) {
	a := testapp.New(t)
	first, second := a.SignedIn(), a.SignedIn()
	both := a.ClientWith(first.Token() + "; pump-session=" + second.Token())
	a.Store.Next("Load", testapp.Refused)
	both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { testapp.Equal(t, "user", s.Get("user"), nil) })
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
}

// If the next session cannot be loaded, no session is used instead.
func TestOutageAfterDeadCookie(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
	old := a.SignedIn()
	a.Clock.Advance(50 * time.Hour)
	fresh := a.SignedIn()
	a.Deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	both := a.ClientWith(old.Token() + "; pump-session=" + fresh.Token())
	a.Store.Next("Load", testapp.OK, testapp.Refused)
	both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		testapp.Error(t, "Err", s.Err(), testapp.ErrDown)
		testapp.Equal(t, "user", s.Get("user"), nil)
		testapp.Equal(t, "keys", len(s.Keys()), 0)
	})
}

// Destroy of a session that was not loaded ends the sessions of all the cookies.
func TestDestroyUnloadedEndsAllCookies(t *testing.T) {
	a := testapp.New(t)
	gone := a.SignedIn()
	dead := gone.Token()
	gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	c := a.SignedIn()
	live := c.Copy()
	both := a.ClientWith(dead + "; pump-session=" + c.Token())
	res := both.OK(func(s *sessions.Session) { testapp.Equal(t, "Destroy", s.Destroy(t.Context()), nil) })
	if res.Cookie == nil || res.Cookie.Value != "" {
		t.Errorf("got cookie %v, want a deletion", res.Cookie)
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	testapp.Equal(t, "user", live.User(), "")

	// If the store fails between the two, the cookie is not deleted.
	first, second := a.SignedIn(), a.SignedIn()
	both = a.ClientWith(first.Token() + "; pump-session=" + second.Token())
	a.Store.Next("Delete", testapp.OK, testapp.Refused, testapp.Refused)
	res = both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		testapp.Error(t, "Destroy", s.Destroy(t.Context()), testapp.ErrDown)
	})
	testapp.Equal(t, "cookie", res.Cookie, nil)
	testapp.Equal(t, "user of the second", second.User(), "ann")
}

// With a browser's cookie jar: an application moves from /app to /, and its users
// sign in and out.
func TestCookiePathChange(t *testing.T) {
	store := testapp.NewStore(nil)
	open := func(path string) *sessions.Manager {
		m, _ := testapp.NewManager(t, sessions.Options{Driver: store, Cookie: sessions.Cookie{Path: path}})
		return m
	}
	m := open("/app")
	mux := http.NewServeMux()
	mux.HandleFunc("/app/sign-in", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Renew()
		testapp.User.Set(s, "ann")
	})
	mux.HandleFunc("/app/sign-out", func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Destroy(r.Context())
	})
	mux.HandleFunc("/app/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sessions.FromContext(r.Context()).Get("user"))
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Wrap(mux).ServeHTTP(w, r) }))
	defer srv.Close()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	get := func(path string) string {
		t.Helper()
		resp, err := browser.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		if _, err := io.Copy(&body, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		return body.String()
	}
	get("/app/sign-in")
	testapp.Equal(t, "user before the move", get("/app/"), "ann")
	m = open("/")
	testapp.Equal(t, "user after the move", get("/app/"), "ann")
	for range 3 {
		get("/app/sign-in")
		testapp.Equal(t, "user signed in", get("/app/"), "ann")
		get("/app/sign-out")
		testapp.Equal(t, "user signed out", get("/app/"), "<nil>")
	}
	if n := len(store.Records(t)); n != 0 {
		t.Errorf("got %d sessions at the end", n)
	}
}
