package sessions_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestBadCookiesOpenNothingAndDisturbNothing(t *testing.T) {
	cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, store := testapp.NewManager(t, o)
		token := testapp.Login(t, m).Token()
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
						t.Errorf("a session is open (%v)", s.Err())
					}
				}))
				if store != nil && store.Total() != before {
					t.Error("the store is called")
				}
				// A session can begin all the same, and is another one.
				c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.Set("user", "bob") }))
				if strings.Contains(strings.Join(lines, ""), c.Value) || len(c.Value) == 0 {
					t.Errorf("the new token is %q", c.Value)
				}
			})
		}
	})
}

func TestTheSessionIsFoundAmongBadCookies(t *testing.T) {
	cookieOnBoth(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Secret = testapp.Secret
		m, _ := testapp.NewManager(t, o)
		token := testapp.Login(t, m).Token()
		own := "pump-session=" + token
		other := testapp.Login(t, m)
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
					t.Errorf("the user is %v, want %v", user, c.want)
				}
			})
		}
	})
}

// badRecord stores bytes as the data of a session that a browser has.
func badRecord(t *testing.T, o sessions.Options, data func([]byte) []byte) (*testapp.Client, *testapp.Store, driver.Key) {
	t.Helper()
	m, store := testapp.NewManager(t, o)
	b := testapp.Login(t, m)
	for key, rec := range store.RecordsByKey(t) {
		old := rec.Version
		rec.Data = data(rec.Data)
		rec.Version++
		if err := store.Inner().Save(t.Context(), key, old, rec); err != nil {
			t.Fatal(err)
		}
		return b, store, key
	}
	t.Fatal("no record")
	return nil, nil, driver.Key{}
}

// A record that is damaged opens an empty session. It stays where it is, for
// whoever wants to look into it, and one line of the log tells.
func TestADamagedRecordStartsTheSessionAnew(t *testing.T) {
	for name, data := range map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return []byte{} },
		"zeros":         func([]byte) []byte { return make([]byte, 50) },
		"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
		"too long":      func(b []byte) []byte { return append(b, 0) },
		"format alone":  func(b []byte) []byte { return b[:1] },
		"bad settings":  func(b []byte) []byte { b[1] = 0x80; return b },
		"count too big": func(b []byte) []byte { b[2] = 0x7f; return b },
	} {
		t.Run(name, func(t *testing.T) {
			var log testapp.Log
			b, store, key := badRecord(t, sessions.Options{Logger: log.Logger(slog.LevelDebug)}, data)
			before := store.RecordsByKey(t)[key]
			old := b.Token()
			resp := b.Visit(func(s *sessions.Session) {
				if s.Err() != nil || !s.IsNew() || s.Get("user") != nil || s.ID() == key.String() {
					t.Errorf("the session is not a fresh one (%v)", s.Err())
				}
			})
			if resp.StatusCode != http.StatusOK {
				t.Errorf("the status is %d", resp.StatusCode)
			}
			_, text, _ := strings.Cut(log.String(), "\n") // after the session's creation
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, key.String()) {
				t.Errorf("the log says %q, want one warning that names the record", text)
			}
			b.Visit(func(s *sessions.Session) { s.Set("user", "bob") })
			if b.Token() == old || b.User() != "bob" {
				t.Error("no new session began")
			}
			after, ok := store.RecordsByKey(t)[key]
			if !ok || !reflect.DeepEqual(before, after) {
				t.Error("the damaged record was changed")
			}
		})
	}
}

// A record of a newer version is not damaged: during a deployment the older
// servers answer with an error rather than log anybody out.
func TestARecordOfANewerVersionIsAnError(t *testing.T) {
	b, store, key := badRecord(t, sessions.Options{}, func(b []byte) []byte { b[0]++; return b })
	before := store.RecordsByKey(t)[key]
	for range 2 {
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if s.Get("user") != nil || !errors.Is(s.Err(), sessions.ErrNewerFormat) {
				t.Errorf("Err is %v, want ErrNewerFormat", s.Err())
			}
			s.Set("user", "mallory")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrNewerFormat) {
				t.Errorf("Save: %v, want ErrNewerFormat", err)
			}
			if err := s.Renew(); !errors.Is(err, sessions.ErrNewerFormat) {
				t.Errorf("Renew: %v, want ErrNewerFormat", err)
			}
			w.Write([]byte("secret page"))
		})
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("the status is %d, want 503", resp.StatusCode)
		}
		testapp.NoCookie(t, resp)
	}
	if after := store.RecordsByKey(t); len(after) != 1 || !reflect.DeepEqual(before, after[key]) {
		t.Error("the record was changed")
	}
	if _, err := b.Managers[0].Load(t.Context(), b.Token()); !errors.Is(err, sessions.ErrNewerFormat) {
		t.Errorf("Load: %v, want ErrNewerFormat", err)
	}
	// Logging out still works.
	c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) {
		if err := s.Destroy(t.Context()); err != nil {
			t.Error(err)
		}
	}))
	if c.MaxAge != -1 || len(store.RecordsByKey(t)) != 0 {
		t.Error("the session was not destroyed")
	}
}

// What the store itself finds damaged is handled in the same way.
func TestADamageThatTheStoreFinds(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.Login(t, m)
	for _, c := range []struct {
		err    error
		status int
	}{
		{driver.ErrCorrupt, 200}, {driver.ErrNotFound, 200},
		{driver.ErrNewerFormat, 503}, {driver.ErrClosed, 503}, {context.DeadlineExceeded, 503}, {errors.New("outage"), 503},
	} {
		store.On("Load", func(context.Context) error { return c.err })
		resp := b.Visit(func(s *sessions.Session) {
			if s.Get("user") != nil {
				t.Errorf("%v: there is a user", c.err)
			}
		})
		if resp.StatusCode != c.status {
			t.Errorf("%v: the status is %d, want %d", c.err, resp.StatusCode, c.status)
		}
		testapp.NoCookie(t, resp)
	}
	store.On("Load", nil)
	if b.User() != "ann" {
		t.Error("the session did not survive")
	}
}

func TestOutsideOfTheMiddlewareThereIsNoSession(t *testing.T) {
	if s := sessions.FromContext(t.Context()); s != nil {
		t.Errorf("FromContext gives %v", s)
	}
	m, _ := testapp.NewManager(t, sessions.Options{Store: "memory"})
	if s := m.FromContext(t.Context()); s != nil {
		t.Errorf("Manager.FromContext gives %v", s)
	}
	var s *sessions.Session
	if text := s.String(); text != "none" {
		t.Errorf("a nil session prints as %q", text)
	}
	if text := s.LogValue().String(); text != "none" {
		t.Errorf("a nil session is logged as %q", text)
	}
	key := sessions.Key[int]("n")
	queue := sessions.Flash[int]("q")
	for name, use := range map[string]func(){
		"Get":            func() { s.Get("n") },
		"Set":            func() { s.Set("n", 1) },
		"Delete":         func() { s.Delete("n") },
		"Has":            func() { s.Has("n") },
		"Keys":           func() { s.Keys() },
		"Clear":          func() { s.Clear() },
		"Decode":         func() { s.Decode("n", new(int)) },
		"ID":             func() { s.ID() },
		"Token":          func() { s.Token() },
		"IsNew":          func() { s.IsNew() },
		"Created":        func() { s.Created() },
		"LastAccessed":   func() { s.LastAccessed() },
		"Err":            func() { s.Err() },
		"Save":           func() { s.Save(t.Context()) },
		"Revert":         func() { s.Revert() },
		"Renew":          func() { s.Renew() },
		"Invalidate":     func() { s.Invalidate() },
		"Destroy":        func() { s.Destroy(t.Context()) },
		"Owner":          func() { s.Owner() },
		"SetOwner":       func() { s.SetOwner("ann") },
		"SetExpires":     func() { s.SetExpires(sessions.ExpireNever()) },
		"SetIdleTimeout": func() { s.SetIdleTimeout(time.Hour) },
		"SetLifetime":    func() { s.SetLifetime(time.Hour) },
		"ResetSettings":  func() { s.ResetSettings() },
		"AddFlash":       func() { s.AddFlash("x") },
		"Flashes":        func() { s.Flashes() },
		"Key.Get":        func() { key.Get(s) },
		"Key.Set":        func() { key.Set(s, 1) },
		"Key.Update":     func() { key.Update(s, func(n int) int { return n }) },
		"Key.Pop":        func() { key.Pop(s) },
		"Key.Has":        func() { key.Has(s) },
		"Key.Delete":     func() { key.Delete(s) },
		"Flash.Add":      func() { queue.Add(s, 1) },
		"Flash.Take":     func() { queue.Take(s) },
		"Flash.Peek":     func() { queue.Peek(s) },
		"DestroyOwned":   func() { m.DestroyOwned(t.Context(), "ann", s) },
	} {
		t.Run(name, func(t *testing.T) {
			if text := clientPanic(t, use); !strings.Contains(text, "Manager.Wrap") {
				t.Errorf("the panic does not tell what to do: %s", text)
			}
		})
	}
}

// A header of any kind opens no session but ours, adopts no token and calls no
// store for what does not verify.
func FuzzCookieHeader(f *testing.F) {
	m, store := testapp.NewManager(f, sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret}})
	sealed, _ := testapp.NewManager(f, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	tokens := []string{testapp.Login(f, m).Token(), testapp.Login(f, sealed).Token()}
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
					t.Errorf("%q, %q open a session (%v)", line1, line2, s.Err())
				}
			})).ServeHTTP(w, r)
			if w.Code != 200 || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%d, %q", w.Code, w.Header()["Set-Cookie"])
			}
			if store.Total() != before {
				t.Errorf("%q, %q reach the store", line1, line2)
			}
		}
		if len(store.RecordsByKey(t)) != records {
			t.Error("a record was made")
		}
	})
}
