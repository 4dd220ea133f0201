package sessions_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

var registryNames atomic.Int64

// registryName is a name that was not registered yet, not even by the test's
// last round with -count.
func registryName(prefix string) string { return fmt.Sprintf("%s.%d", prefix, registryNames.Add(1)) }

// clientPanic is what f panics with, as text.
func clientPanic(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		v := recover()
		if v == nil {
			t.Error("no panic")
		}
		text = fmt.Sprint(v)
	}()
	f()
	return ""
}

func TestRegisterPanicsAndNamesTheDriver(t *testing.T) {
	d, _ := clientStoreDriver()
	for name, c := range map[string]struct {
		name string
		d    driver.Driver
	}{
		"taken":             {"memory", d},
		"nil driver":        {"registry-nil", nil},
		"no name":           {"", d},
		"capitals":          {"Redis", d},
		"leading digit":     {"9p", d},
		"space":             {"my store", d},
		"underscore":        {"my_store", d},
		"colon":             {"redis:", d},
		"not ASCII":         {"bücher", d},
		"invalid UTF-8":     {"re\xffdis", d},
		"nil and duplicate": {"memory", nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := sessions.Drivers()
			text := clientPanic(t, func() { sessions.Register(c.name, c.d) })
			if quoted := strings.Trim(fmt.Sprintf("%q", c.name), `"`); !strings.HasPrefix(text, "sessions: Register") || !strings.Contains(text, quoted) {
				t.Errorf("the panic does not name the driver: %s", text)
			}
			if after := sessions.Drivers(); !slices.Equal(before, after) {
				t.Errorf("registered are %q, before %q", after, before)
			}
		})
	}
}

func TestARegisteredStoreIsFoundByNameAndByScheme(t *testing.T) {
	name := registryName("registry+test-1.0")
	var urls []string
	inner, _ := clientStoreDriver()
	sessions.Register(name, driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		urls = append(urls, cfg.URL)
		cfg.URL = ""
		return inner.Open(ctx, cfg)
	}))
	for _, o := range []sessions.Options{
		{Store: name},
		{URL: name + "://host/path"},
		{URL: strings.ToUpper(name) + ":opaque"},
		{Store: name, URL: "memory:"}, // the name decides
	} {
		m, err := sessions.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
	want := []string{"", name + "://host/path", strings.ToUpper(name) + ":opaque", "memory:"}
	if !slices.Equal(urls, want) {
		t.Errorf("opened with the URLs %q, want %q", urls, want)
	}
}

func TestDriversAreSorted(t *testing.T) {
	d, _ := clientStoreDriver()
	mine := []string{registryName("registry-z"), registryName("registry-a"), registryName("registry-m")}
	for _, name := range mine {
		sessions.Register(name, d)
	}
	names := sessions.Drivers()
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
	for _, name := range append(mine, "memory") {
		if !slices.Contains(names, name) {
			t.Errorf("%q is not among %q", name, names)
		}
	}
	names[0] = "changed"
	if sessions.Drivers()[0] == "changed" {
		t.Error("a caller can change the list")
	}
}

func TestTheRegistryIsSafeForConcurrentUse(t *testing.T) {
	d, _ := clientStoreDriver()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			sessions.Register(registryName("registry-parallel"), d)
			sessions.Drivers()
			if _, err := sessions.New(t.Context(), sessions.Options{Store: "nowhere"}); err == nil {
				t.Error("New found a store that is nowhere")
			}
		})
	}
	wg.Wait()
}
