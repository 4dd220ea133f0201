package sessions_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// newError returns New's error for invalid options.
func newError(t *testing.T, o sessions.Options) error {
	t.Helper()
	m, err := sessions.New(t.Context(), o)
	if err == nil {
		m.Close()
		t.Fatal("New accepted the options")
	}
	if m != nil {
		t.Error("New returned a Manager and an error")
	}
	return err
}

func invalidOptionsError(t *testing.T, o sessions.Options) error {
	t.Helper()
	err := newError(t, o)
	if !errors.Is(err, sessions.ErrInvalidOptions) {
		t.Errorf("%v does not match ErrInvalidOptions", err)
	}
	return err
}

func TestNewZeroOptions(t *testing.T) {
	var logged testapp.Log
	defer log.SetOutput(log.Writer())
	log.SetOutput(&logged) // where the default logger writes
	m, err := sessions.New(t.Context(), sessions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if user := testapp.SignIn(t, m).User(); user != "ann" {
		t.Errorf("got user %q, want ann", user)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(logged.String(), "no store is configured"); n != 1 {
		t.Errorf("got %d warnings that no store is configured, want 1; log:\n%s", n, logged.String())
	}
}

func TestClosedManagerSendsErrorPage(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if resp := b.Visit(func(s *sessions.Session) { s.Get("user") }); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Close: got status %d, want 503", resp.StatusCode)
	}
}

func TestNewAccepts(t *testing.T) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, o := range map[string]sessions.Options{
		"store by name":                    {Store: "memory"},
		"store by the scheme of the URL":   {URL: "memory:"},
		"scheme in capitals":               {URL: "MEMORY://"},
		"URL with parameters":              {URL: "memory:?max=10"},
		"name and URL":                     {Store: "memory", URL: "memory:"},
		"namespace":                        {Namespace: "shop-2.test_a"},
		"longest namespace":                {Namespace: strings.Repeat("n", 64)},
		"shortest timeout":                 {IdleTimeout: time.Millisecond},
		"longest timeout":                  {IdleTimeout: 100 * 365 * 24 * time.Hour},
		"lifetime as long as timeout":      {IdleTimeout: time.Hour, Lifetime: time.Hour},
		"lifetime alone":                   {Lifetime: time.Second},
		"no sweeping":                      {SweepInterval: -1},
		"secret of 32 bytes":               {Cookie: sessions.Cookie{Secret: testapp.Secret}},
		"previous secrets":                 {Cookie: sessions.Cookie{Secret: testapp.Secret, PreviousSecrets: [][]byte{testapp.Secret2}}},
		"no previous secrets, not nil":     {Cookie: sessions.Cookie{PreviousSecrets: [][]byte{}}},
		"domain":                           {Cookie: sessions.Cookie{Domain: "example.org"}},
		"path":                             {Cookie: sessions.Cookie{Path: "/shop"}},
		"__Host-":                          {Cookie: sessions.Cookie{Name: "__Host-id", Secure: true}},
		"__Secure- with domain and path":   {Cookie: sessions.Cookie{Name: "__Secure-id", Secure: true, Domain: "example.org", Path: "/a"}},
		"__Http-":                          {Cookie: sessions.Cookie{Name: "__Http-id", Secure: true, Domain: "example.org", Path: "/a"}},
		"__Host-Http-":                     {Cookie: sessions.Cookie{Name: "__Host-Http-id", Secure: true}},
		"domain with a leading dot":        {Cookie: sessions.Cookie{Domain: ".example.org"}},
		"domain localhost":                 {Cookie: sessions.Cookie{Domain: "LocalHost"}},
		"IPv4 address as domain":           {Cookie: sessions.Cookie{Domain: "127.0.0.1"}},
		"path of all that URLs have":       {Cookie: sessions.Cookie{Path: "/-._~!$&'()*+,=:@/%20..."}},
		"SameSite None with Secure":        {Cookie: sessions.Cookie{SameSite: http.SameSiteNoneMode, Secure: true}},
		"SameSite left to the browser":     {Cookie: sessions.Cookie{SameSite: http.SameSiteDefaultMode}},
		"Partitioned with Secure":          {Cookie: sessions.Cookie{Partitioned: true, Secure: true}},
		"HttpOnly off":                     {Cookie: sessions.Cookie{DisableHttpOnly: true}},
		"ExpireAt soon":                    {Cookie: sessions.Cookie{Expires: sessions.ExpireAt(now.Add(time.Second))}},
		"ExpireAt the last second of 9999": {Cookie: sessions.Cookie{Expires: sessions.ExpireAt(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))}},
		"ExpireAfter a millisecond":        {Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(time.Millisecond)}},
		"ExpireAfter the longest duration": {Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(math.MaxInt64)}},
		"ExpireWithBrowser":                {Cookie: sessions.Cookie{Expires: sessions.ExpireWithBrowser()}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Now, o.Logger = func() time.Time { return now }, slog.New(slog.DiscardHandler)
			m, err := sessions.New(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			m.Close()
		})
	}
}

func TestNewRejects(t *testing.T) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	d := testapp.NewStore(nil)
	long := strings.Repeat("s", 31)
	for name, c := range map[string]struct {
		o    sessions.Options
		want []string // in the error's text
	}{
		"Driver beside Store":           {sessions.Options{Driver: d, Store: "memory"}, []string{"Options.Driver", "Options.Store"}},
		"namespace in capitals":         {sessions.Options{Namespace: "Shop"}, []string{"Options.Namespace"}},
		"namespace with a slash":        {sessions.Options{Namespace: "a/b"}, []string{"Options.Namespace"}},
		"namespace that climbs":         {sessions.Options{Namespace: ".."}, []string{"Options.Namespace"}},
		"namespace with a leading dash": {sessions.Options{Namespace: "-a"}, []string{"Options.Namespace"}},
		"namespace not in ASCII":        {sessions.Options{Namespace: "läden"}, []string{"Options.Namespace"}},
		"namespace too long":            {sessions.Options{Namespace: strings.Repeat("n", 65)}, []string{"Options.Namespace", "64"}},

		"negative IdleTimeout":       {sessions.Options{IdleTimeout: -1}, []string{"Options.IdleTimeout"}},
		"IdleTimeout under 1 ms":     {sessions.Options{IdleTimeout: time.Microsecond}, []string{"Options.IdleTimeout", "millisecond"}},
		"IdleTimeout of broken ms":   {sessions.Options{IdleTimeout: 1500 * time.Microsecond}, []string{"Options.IdleTimeout"}},
		"IdleTimeout over 100 years": {sessions.Options{IdleTimeout: 101 * 365 * 24 * time.Hour}, []string{"Options.IdleTimeout"}},
		"IdleTimeout of any size":    {sessions.Options{IdleTimeout: math.MaxInt64}, []string{"Options.IdleTimeout"}},
		"negative Lifetime":          {sessions.Options{Lifetime: -time.Hour}, []string{"Options.Lifetime"}},
		"negative StoreTimeout":      {sessions.Options{StoreTimeout: -time.Second}, []string{"Options.StoreTimeout"}},
		"Lifetime shorter than idle": {sessions.Options{IdleTimeout: 2 * time.Hour, Lifetime: time.Hour}, []string{"Options.Lifetime", "shorter", "Options.IdleTimeout"}},

		"cookie name with a space":     {sessions.Options{Cookie: sessions.Cookie{Name: "my session"}}, []string{"Options.Cookie", "Name"}},
		"cookie name with a semicolon": {sessions.Options{Cookie: sessions.Cookie{Name: "a;b"}}, []string{"Options.Cookie", "Name"}},
		"cookie name with =":           {sessions.Options{Cookie: sessions.Cookie{Name: "a=b"}}, []string{"Options.Cookie", "Name"}},
		"path with a semicolon":        {sessions.Options{Cookie: sessions.Cookie{Path: "/a;b"}}, []string{"Options.Cookie", "Path"}},
		"path without a slash":         {sessions.Options{Cookie: sessions.Cookie{Path: "shop"}}, []string{"Options.Cookie.Path"}},
		"path with a quote":            {sessions.Options{Cookie: sessions.Cookie{Path: "/a\"b"}}, []string{"Options.Cookie.Path"}},
		"path with a backslash":        {sessions.Options{Cookie: sessions.Cookie{Path: "/a\\b"}}, []string{"Options.Cookie.Path"}},
		"path with a space":            {sessions.Options{Cookie: sessions.Cookie{Path: "/a b"}}, []string{"Options.Cookie.Path", "' '", "%20"}},
		"path ending in a space":       {sessions.Options{Cookie: sessions.Cookie{Path: "/a "}}, []string{"Options.Cookie.Path"}},
		"path with braces":             {sessions.Options{Cookie: sessions.Cookie{Path: "/{id}"}}, []string{"Options.Cookie.Path", "'{'"}},
		"path with a query":            {sessions.Options{Cookie: sessions.Cookie{Path: "/a?b"}}, []string{"Options.Cookie.Path", "'?'"}},
		"path with a fragment":         {sessions.Options{Cookie: sessions.Cookie{Path: "/a#b"}}, []string{"Options.Cookie.Path", "'#'"}},
		"path with half an escape":     {sessions.Options{Cookie: sessions.Cookie{Path: "/a%2"}}, []string{"Options.Cookie.Path", "'%'"}},
		"path with a false escape":     {sessions.Options{Cookie: sessions.Cookie{Path: "/%zz"}}, []string{"Options.Cookie.Path", "'%'"}},
		"path not in ASCII":            {sessions.Options{Cookie: sessions.Cookie{Path: "/läden"}}, []string{"Options.Cookie"}},
		"path with dot segments":       {sessions.Options{Cookie: sessions.Cookie{Path: "/a/../b"}}, []string{"Options.Cookie.Path", `".."`}},
		"path with escaped dots":       {sessions.Options{Cookie: sessions.Cookie{Path: "/a/%2e%2E/b"}}, []string{"Options.Cookie.Path", "%2e%2E"}},
		"path to half an escaped dot":  {sessions.Options{Cookie: sessions.Cookie{Path: "/a/.%2e"}}, []string{"Options.Cookie.Path", ".%2e"}},
		"path that is too long":        {sessions.Options{Cookie: sessions.Cookie{Path: strings.Repeat("/a", 513)}}, []string{"Options.Cookie.Path", "1024"}},
		"name that is too long":        {sessions.Options{Cookie: sessions.Cookie{Name: strings.Repeat("n", 4020)}}, []string{"Options.Cookie.Name", "4096"}},
		"path to a dot":                {sessions.Options{Cookie: sessions.Cookie{Path: "/a/."}}, []string{"Options.Cookie.Path", `"."`}},
		"domain ending in a dot":       {sessions.Options{Cookie: sessions.Cookie{Domain: "example.org."}}, []string{"Options.Cookie.Domain", "dot"}},
		"localhost ending in a dot":    {sessions.Options{Cookie: sessions.Cookie{Domain: "localhost."}}, []string{"Options.Cookie.Domain", "dot"}},
		"top-level domain":             {sessions.Options{Cookie: sessions.Cookie{Domain: "com"}}, []string{"Options.Cookie.Domain", "leave Domain empty"}},
		"top-level domain after a dot": {sessions.Options{Cookie: sessions.Cookie{Domain: ".com"}}, []string{"Options.Cookie.Domain"}},
		"domain ending in a number":    {sessions.Options{Cookie: sessions.Cookie{Domain: "host.1"}}, []string{"Options.Cookie.Domain", "number"}},
		"IPv6 address as domain":       {sessions.Options{Cookie: sessions.Cookie{Domain: "::1"}}, []string{"Options.Cookie"}},
		"domain with a space":          {sessions.Options{Cookie: sessions.Cookie{Domain: "exa mple.org"}}, []string{"Options.Cookie", "Domain"}},
		"domain as a URL":              {sessions.Options{Cookie: sessions.Cookie{Domain: "https://example.org"}}, []string{"Options.Cookie", "Domain"}},
		"unknown SameSite":             {sessions.Options{Cookie: sessions.Cookie{SameSite: 9}}, []string{"Options.Cookie.SameSite"}},
		"negative SameSite":            {sessions.Options{Cookie: sessions.Cookie{SameSite: -1}}, []string{"Options.Cookie.SameSite"}},
		"SameSite None, not Secure":    {sessions.Options{Cookie: sessions.Cookie{SameSite: http.SameSiteNoneMode}}, []string{"Options.Cookie.SameSite", "Secure"}},
		"Partitioned, not Secure":      {sessions.Options{Cookie: sessions.Cookie{Partitioned: true}}, []string{"Options.Cookie.Partitioned", "Secure"}},
		"__Host- not Secure":           {sessions.Options{Cookie: sessions.Cookie{Name: "__Host-id"}}, []string{"__Host-id", "Secure"}},
		"__HOST- not Secure":           {sessions.Options{Cookie: sessions.Cookie{Name: "__HOST-id"}}, []string{"__HOST-id", "Secure"}},
		"__Host- with Domain":          {sessions.Options{Cookie: sessions.Cookie{Name: "__Host-id", Secure: true, Domain: "example.org"}}, []string{"__Host-id", "Domain"}},
		"__hOsT- with Path":            {sessions.Options{Cookie: sessions.Cookie{Name: "__hOsT-id", Secure: true, Path: "/a"}}, []string{"__hOsT-id", "Path"}},
		"__Secure- not Secure":         {sessions.Options{Cookie: sessions.Cookie{Name: "__Secure-id"}}, []string{"__Secure-id", "Secure"}},
		"__secure- not Secure":         {sessions.Options{Cookie: sessions.Cookie{Name: "__secure-id"}}, []string{"__secure-id", "Secure"}},

		"__Http- not Secure":        {sessions.Options{Cookie: sessions.Cookie{Name: "__Http-id"}}, []string{"__Http-id", "Secure"}},
		"__HTTP- without HttpOnly":  {sessions.Options{Cookie: sessions.Cookie{Name: "__HTTP-id", Secure: true, DisableHttpOnly: true}}, []string{"__HTTP-id", "HttpOnly"}},
		"__Host-Http- not Secure":   {sessions.Options{Cookie: sessions.Cookie{Name: "__Host-Http-id"}}, []string{"__Host-Http-id", "Secure"}},
		"__host-http- not HttpOnly": {sessions.Options{Cookie: sessions.Cookie{Name: "__host-http-id", Secure: true, DisableHttpOnly: true}}, []string{"__host-http-id", "HttpOnly"}},
		"__Host-Http- with Domain":  {sessions.Options{Cookie: sessions.Cookie{Name: "__Host-Http-id", Secure: true, Domain: "example.org"}}, []string{"__Host-Http-id", "Domain"}},
		"__Host-Http- with Path":    {sessions.Options{Cookie: sessions.Cookie{Name: "__Host-Http-id", Secure: true, Path: "/a"}}, []string{"__Host-Http-id", "Path"}},

		"ExpireAt the zero time":     {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAt(time.Time{})}}, []string{"Options.Cookie.Expires"}},
		"ExpireAt now":               {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAt(now)}}, []string{"Options.Cookie.Expires", "past"}},
		"ExpireAt long ago":          {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAt(now.AddDate(-500, 0, 0))}}, []string{"Options.Cookie.Expires"}},
		"ExpireAt the year 10000":    {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAt(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}}, []string{"Options.Cookie.Expires", "9999"}},
		"ExpireAt beyond any reason": {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAt(time.Unix(1<<62, 0))}}, []string{"Options.Cookie.Expires"}},
		"ExpireAfter nothing":        {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(0)}}, []string{"Options.Cookie.Expires"}},
		"ExpireAfter less":           {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(-time.Hour)}}, []string{"Options.Cookie.Expires"}},
		"ExpireAfter a microsecond":  {sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(time.Microsecond)}}, []string{"Options.Cookie.Expires", "millisecond"}},

		"short secret": {sessions.Options{Cookie: sessions.Cookie{Secret: []byte(long)}},
			[]string{"Options.Cookie.Secret", "31 bytes", "at least 32", "openssl rand -base64 32"}},
		"empty secret, an unset variable": {sessions.Options{Cookie: sessions.Cookie{Secret: []byte("")}},
			[]string{"Options.Cookie.Secret", "0 bytes", "openssl rand -base64 32"}},
		"short previous secret": {sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret, PreviousSecrets: [][]byte{testapp.Secret2, []byte(long)}}},
			[]string{"PreviousSecrets[1]", "31 bytes"}},
		"nil previous secret": {sessions.Options{Cookie: sessions.Cookie{Secret: testapp.Secret, PreviousSecrets: [][]byte{nil}}},
			[]string{"PreviousSecrets[0]", "0 bytes"}},
		"previous secret without a present one": {sessions.Options{Cookie: sessions.Cookie{PreviousSecrets: [][]byte{testapp.Secret}}},
			[]string{"PreviousSecrets", "Secret must be set too"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Now = func() time.Time { return now }
			text := invalidOptionsError(t, c.o).Error()
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("the error does not contain %q:\n%s", want, text)
				}
			}
			if lines := strings.Count(text, "\n"); lines != 1 {
				t.Errorf("got %d lines for one fault:\n%s", lines, text)
			}
		})
	}
}

func TestNewReportsAllErrors(t *testing.T) {
	err := invalidOptionsError(t, sessions.Options{
		Store:        "nowhere",
		Namespace:    "A",
		IdleTimeout:  -1,
		Lifetime:     -1,
		StoreTimeout: -1,
		Cookie: sessions.Cookie{
			Name:            "__Host-id",
			Path:            "x",
			SameSite:        http.SameSiteNoneMode,
			Partitioned:     true,
			Expires:         sessions.ExpireAfter(-1),
			Secret:          []byte("short"),
			PreviousSecrets: [][]byte{[]byte("short too")},
		},
	})
	for _, want := range []string{"nowhere", "Namespace", "IdleTimeout", "Lifetime", "StoreTimeout", "__Host-id", "Cookie.Path",
		"SameSite", "Partitioned", "Expires", "Cookie.Secret", "PreviousSecrets[0]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	if !errors.Is(err, sessions.ErrUnknownStore) {
		t.Error("the error does not match ErrUnknownStore")
	}
}

func TestNewNamesMissingImport(t *testing.T) {
	for _, c := range []struct {
		o    sessions.Options
		want []string
	}{
		{sessions.Options{Store: "google"}, []string{`"google"`, `import  _ "github.com/pump-go/sessions/google"`}},
		{sessions.Options{URL: "memcached://10.0.0.1:11211"}, []string{`"memcached"`, `_ "github.com/pump-go/sessions/memcached"`}},
		{sessions.Options{Store: "mongodb"}, []string{`"mongodb"`, "import the package of its driver"}},
		{sessions.Options{Store: "Memory"}, nil},
		{sessions.Options{Store: " memory"}, nil},
		{sessions.Options{URL: "sqlite:///var/app.db"}, []string{`"sqlite"`, `add the import  _ "github.com/pump-go/sessions/database"`, "(go get github.com/pump-go/sessions/database)"}},
		{sessions.Options{URL: "postgresql+psycopg2://u:p@db/app"}, []string{`_ "github.com/pump-go/sessions/database" for the store "database"`}},
		{sessions.Options{URL: "mysql://u:p@db/app"}, []string{`_ "github.com/pump-go/sessions/database"`}},
		{sessions.Options{URL: "mongodb://db"}, []string{"import the package of its driver"}},
		{sessions.Options{URL: "/var/lib/app"}, []string{"set Options.Store"}},
		{sessions.Options{URL: "10.0.0.1:11211;10.0.0.2:11211"}, []string{"set Options.Store"}},
	} {
		t.Run(c.o.Store+c.o.URL, func(t *testing.T) {
			err := invalidOptionsError(t, c.o)
			if !errors.Is(err, sessions.ErrUnknownStore) {
				t.Errorf("%v does not match ErrUnknownStore", err)
			}
			want := c.want
			if c.o.URL == "" {
				want = append(want, "registered: ", "memory")
			}
			for _, want := range want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not contain %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestNewHidesSecrets(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2" // too short, so that it is a fault
	for _, url := range []string{
		"postgres://app:hunter2@db/app",
		"POSTGRES://app:hunter2@db/app",
		"sqlite://hunter2",
		"nowhere://app:hunter2@db/app",
		"app:hunter2@tcp(db)/app",
		"host=db password=hunter2 application=a:b",
		"memory://app:hunter2@db/app",
		"memory:?max=hunter2",
		"memory:?max=%zzhunter2",
		"memory://%zzhunter2",
		"hunter2",
		"://hunter2",
		"hunter2://",
		"\x00hunter2:",
	} {
		for _, o := range []sessions.Options{
			{URL: url},
			{Store: "memory", URL: url},
			{Store: "nowhere", URL: url},
			{Store: url}, // taken for the URL
		} {
			if o.Store == url && url == "hunter2" || url == "hunter2://" {
				continue // a name as good as any
			}
			o.IdleTimeout = -1
			o.Cookie = sessions.Cookie{Secret: []byte(secret), PreviousSecrets: [][]byte{[]byte(secret), []byte(secret)}}
			if err := newError(t, o); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Store %q, URL %q: the error contains the secret:\n%v", o.Store, o.URL, err)
			}
			o.IdleTimeout, o.Cookie = 0, sessions.Cookie{}
			m, err := sessions.New(t.Context(), o)
			if err == nil {
				m.Close()
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Store %q, URL %q: the error contains the secret:\n%v", o.Store, o.URL, err)
			}
		}
	}
}

func TestNewCopiesSecrets(t *testing.T) {
	secret := []byte(strings.Clone(string(testapp.Secret)))
	m, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Secret: secret}})
	b := testapp.SignIn(t, m)
	if string(secret) != string(testapp.Secret) {
		t.Error("New changed the program's secret")
	}
	clear(secret)
	if user := b.User(); user != "ann" {
		t.Errorf("got user %v after the program overwrote its secret", user)
	}
	if c := testapp.SignIn(t, m); c.User() != "ann" {
		t.Error("no session can be created after the program overwrote its secret")
	}
}

// The driver receives the options, defaults included.
func TestNewPassesConfigToDriver(t *testing.T) {
	var got driver.Config
	type mark struct{}
	inner := testapp.NewStore(nil)
	now := func() time.Time { return time.Unix(1e9, 0) }
	logger := slog.New(slog.DiscardHandler)
	ctx := context.WithValue(t.Context(), mark{}, true)
	m, err := sessions.New(ctx, sessions.Options{
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			if ctx.Value(mark{}) == nil {
				t.Error("Open got a context other than New's")
			}
			got = cfg
			cfg.URL = ""
			return inner.Open(ctx, cfg)
		}),
		URL: "test:a", DataDir: "data", LockDir: "lock", Namespace: "ns", SweepInterval: -5,
		Now: now, Logger: logger, Cookie: sessions.Cookie{Secret: testapp.Secret, PreviousSecrets: [][]byte{testapp.Secret2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got.URL != "test:a" || got.DataDir != "data" || got.LockDir != "lock" || got.Namespace != "ns" ||
		got.SweepInterval != -5 || got.Logger != logger || !got.Now().Equal(now()) || got.CookieName != "pump-session" {
		t.Errorf("got driver.Config %+v", got)
	}
	keys := got.Keys("a purpose")
	if len(keys) != 2 || len(keys[0]) != 32 || len(keys[1]) != 32 || string(keys[0]) == string(keys[1]) {
		t.Fatalf("got %d keys for 2 secrets", len(keys))
	}
	for i, secret := range [][]byte{testapp.Secret, testapp.Secret2} {
		if string(keys[i]) == string(secret) {
			t.Error("the driver got a secret")
		}
		if string(keys[i]) == string(got.Keys("another purpose")[i]) {
			t.Error("two purposes have the same key")
		}
	}
}

func TestNewReturnsDriverError(t *testing.T) {
	refusal := errors.New("no such place")
	err := newError(t, sessions.Options{Driver: driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) {
		return nil, refusal
	})})
	if !errors.Is(err, refusal) || errors.Is(err, sessions.ErrInvalidOptions) {
		t.Errorf("got %v, want the driver's error, which is not ErrInvalidOptions", err)
	}
}

func TestInvalidSessionSettings(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	before := store.Total("Save")
	b.Visit(func(s *sessions.Session) {
		for _, e := range []sessions.Expiry{
			sessions.ExpireAt(time.Time{}), sessions.ExpireAt(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)),
			sessions.ExpireAfter(0), sessions.ExpireAfter(-time.Second),
		} {
			if s.SetExpires(e) == nil {
				t.Errorf("SetExpires accepted %v", e)
			}
		}
		for _, d := range []time.Duration{-1, time.Microsecond, math.MaxInt64} {
			if s.SetIdleTimeout(d) == nil {
				t.Errorf("SetIdleTimeout accepted %v", d)
			}
			if s.SetLifetime(d) == nil {
				t.Errorf("SetLifetime accepted %v", d)
			}
		}
		if s.SetOwner(strings.Repeat("o", 256)) == nil {
			t.Error("SetOwner accepted 256 bytes")
		}
	})
	if store.Total("Save") != before {
		t.Error("a rejected setting was saved")
	}
}

// FuzzCookieOptions passes any name, path, domain and namespace to New. If New accepts
// them, the Set-Cookie line must contain them unchanged.
func FuzzCookieOptions(f *testing.F) {
	f.Add("pump-session", "/", "", "")
	f.Add("__Host-sid", "/app", "example.org", "shop.v2")
	f.Add("a b", "x", ".example.org", "UPPER")
	f.Add("sid;", "/;HttpOnly", "example.org\r\nSet-Cookie: x=y", "../x")
	f.Add("\xff", "/\x00", "[::1]", "-")
	f.Fuzz(func(t *testing.T, name, path, domain, namespace string) {
		m, err := sessions.New(t.Context(), sessions.Options{
			Store: "memory", Namespace: namespace, SweepInterval: -1,
			Cookie: sessions.Cookie{Name: name, Path: path, Domain: domain, Secret: testapp.Secret, Secure: true},
		})
		if err != nil {
			if strings.Contains(err.Error(), string(testapp.Secret)) || !errors.Is(err, sessions.ErrInvalidOptions) {
				t.Error(err)
			}
			return
		}
		defer m.Close()
		b := testapp.NewClient(t, m)
		resp := b.Visit(func(s *sessions.Session) { s.Set("user", "ann") })
		c := testapp.OneCookie(t, resp)
		if name == "" {
			name = "pump-session"
		}
		if path == "" {
			path = "/"
		}
		if c.Name != name || c.Path != path || strings.TrimPrefix(c.Domain, ".") != strings.TrimPrefix(domain, ".") || !c.HttpOnly || !c.Secure || len(c.Unparsed) > 0 {
			t.Errorf("for name %q, path %q, domain %q: got Set-Cookie %s", name, path, domain, resp.Header["Set-Cookie"])
		}
		for _, r := range resp.Header["Set-Cookie"][0] {
			if r < ' ' || r > '~' {
				t.Errorf("got %q in the Set-Cookie line", r)
			}
		}
		if b.User() != "ann" {
			t.Errorf("the session is lost with name %q, path %q, domain %q", name, path, domain)
		}
	})
}
