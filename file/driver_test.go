package file

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func TestImportRegistersTheStore(t *testing.T) {
	if names := sessions.Drivers(); len(names) != 1 || names[0] != "file" {
		t.Errorf("registered: %q", names)
	}
}

func TestURL(t *testing.T) {
	for url, want := range map[string]struct {
		dir  string
		sync bool
		err  string
	}{
		"file:":                          {},
		"file:///":                       {dir: "/"},
		"file:///var/a%20b":              {dir: "/var/a b"},
		"FILE:///var/x?sync=true":        {dir: "/var/x", sync: true},
		"file://localhost/var/x":         {dir: "/var/x"},
		"file:/var/x":                    {dir: "/var/x"},
		"file:rel/a%20b?sync=1":          {dir: "rel/a b", sync: true},
		"file:?sync=false":               {},
		"file://hunter2/dir":             {err: `must be "file:///dir"`},
		"file://u:hunter2@localhost/dir": {err: `must be "file:///dir"`},
		"file:///dir#hunter2":            {err: `must be "file:///dir"`},
		"file:///%hunter2":               {err: `must be "file:///dir"`},
		"file:rel%hunter2":               {err: `must be "file:///dir"`},
		"file:///hunter2%00":             {err: `must be "file:///dir"`},
		"memory:hunter2":                 {err: `must be "file:///dir"`},
		"hunter2":                        {err: `must be "file:///dir"`},
		"file:///d?mode=hunter2":         {err: `unknown parameter "mode"`},
		"file:///d?sync=hunter2":         {err: "sync in Options.URL"},
		"file:///d?sync=":                {err: "sync in Options.URL"},
		"file:///d?sync=true&sync=true":  {err: "sync in Options.URL"},
	} {
		var o Options
		dir, err := o.readURL(url)
		if want.err != "" {
			if err == nil || !strings.Contains(err.Error(), want.err) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: error %v, want one with %q that does not quote the URL", url, err, want.err)
			}
		} else if err != nil || filepath.ToSlash(dir) != want.dir || o.Sync != want.sync {
			t.Errorf("%q: %q, %v, %v", url, dir, o.Sync, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg driver.Config
		err string
	}{
		"no directory":     {driver.Config{}, "Options.DataDir is empty"},
		"a bare URL":       {driver.Config{URL: "file:"}, "Options.DataDir is empty"},
		"two directories":  {driver.Config{URL: "file:x", DataDir: dir}, "both name a directory"},
		"a file":           {driver.Config{DataDir: plain}, "is not a directory"},
		"under a file":     {driver.Config{DataDir: filepath.Join(plain, "x")}, "plain"},
		"lock dir a file":  {driver.Config{DataDir: dir, LockDir: plain}, "is not a directory"},
		"a directory":      {driver.Config{DataDir: filepath.Join(dir, "a", "b")}, ""},
		"a URL with a dir": {driver.Config{URL: "file://" + filepath.ToSlash(dir) + "/c"}, ""},
	} {
		tt.cfg.SweepInterval = -1
		s, err := New(Options{}).Open(t.Context(), tt.cfg)
		if tt.err == "" && err == nil {
			s.Close()
		} else if err == nil || tt.err == "" || !strings.HasPrefix(err.Error(), "file: open: ") || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", name, err, tt.err)
		}
	}
}

func TestWorldWritableDirectoryIsRejected(t *testing.T) {
	if !hasModes {
		t.Skip("file modes have no effect on this system")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := openDir(dir, Options{}); err == nil {
		t.Error("no error")
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	s, err := openDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// A relative directory stays the same when the working directory changes.
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := openDir("data", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Chdir(t.TempDir())
	save(t, s, driver.Key{1}, 0, until(1<<60))
	if _, err := os.Stat("data"); err == nil {
		t.Error("the store followed the working directory")
	}
}

// A session survives a restart with Options.URL alone.
func TestManagerWithURLAlone(t *testing.T) {
	url := "file://" + filepath.ToSlash(t.TempDir()) + "?sync=true"
	var token string
	for restart := range 3 {
		m, err := sessions.New(t.Context(), sessions.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		h := m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			s.Set("n", restart)
			token = s.Token()
		}))
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "pump-session="+token)
		before := token
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK || restart > 0 && token != before {
			t.Errorf("restart %d: %d, token %q after %q", restart, w.Code, token, before)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
