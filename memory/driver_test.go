package memory_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
)

func TestImportRegistersStore(t *testing.T) {
	names := sessions.Drivers()
	if len(names) != 1 || names[0] != "memory" {
		t.Errorf("registered: %q", names)
	}
}

func TestURL(t *testing.T) {
	for url, want := range map[string]string{
		"":                           "",
		"memory:":                    "",
		"memory://":                  "",
		"MEMORY:?max=7":              "",
		"memory://?max=100000":       "",
		"redis://:hunter2@localhost": `must be "memory:"`,
		"memory://:hunter2@":         `must be "memory:"`,
		"memory://hunter2":           `must be "memory:"`,
		"memory:hunter2":             `must be "memory:"`,
		"memory:/hunter2":            `must be "memory:"`,
		"memory:#hunter2":            `must be "memory:"`,
		"memory://host:hunter2":      `must be "memory:"`,
		"memory:?max=%hunter2":       `must be "memory:"`,
		"hunter2":                    `must be "memory:"`,
		"memory:?size=hunter2":       `unknown parameter "size"`,
		"memory:?max=1&Max=hunter2":  `unknown parameter "Max"`,
		"memory:?max=hunter2":        "max in Options.URL",
		"memory:?max=0":              "max in Options.URL",
		"memory:?max=-1":             "max in Options.URL",
		"memory:?max=":               "max in Options.URL",
		"memory:?max=1&max=2":        "max in Options.URL",
	} {
		s, err := memory.New(memory.Options{}).Open(t.Context(), driver.Config{URL: url})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", url, err)
				continue
			}
			s.Close()
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "memory: open: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error quotes the password: %v", url, err)
		}
	}
}

func TestNegativeLimitIsAnError(t *testing.T) {
	if _, err := memory.New(memory.Options{MaxSessions: -1}).Open(t.Context(), driver.Config{}); err == nil {
		t.Error("no error")
	}
}

func TestURLOverridesMaxSessions(t *testing.T) {
	d := memory.New(memory.Options{MaxSessions: 1})
	s, err := d.Open(t.Context(), driver.Config{URL: "memory:?max=2"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		err := s.Save(t.Context(), driver.Key{byte(i)}, 0, driver.Record{Version: 1, Expires: 1 << 62})
		if full := errors.Is(err, memory.ErrFull); full != (i == 2) || err != nil && !full {
			t.Errorf("session %d: %v", i, err)
		}
	}
}

func TestEachOpenReturnsASeparateStore(t *testing.T) {
	d := memory.New(memory.Options{})
	cfg := driver.Config{Namespace: "same"}
	a, _ := d.Open(t.Context(), cfg)
	b, _ := d.Open(t.Context(), cfg)
	defer b.Close()
	if err := a.Save(t.Context(), driver.Key{1}, 0, driver.Record{Version: 1, Expires: 1 << 62}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(t.Context(), driver.Key{1}); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("the other store's session: %v", err)
	}
	a.Close()
	if _, err := b.Load(t.Context(), driver.Key{1}); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("after the other store's Close: %v", err)
	}
}
