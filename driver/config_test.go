package driver_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

func TestWithDefaultsFillsZeroFields(t *testing.T) {
	c := driver.Config{URL: "u", Namespace: "n"}.WithDefaults()
	if c.SweepInterval != time.Minute || c.Logger != slog.Default() || time.Since(c.Now()) > time.Minute || c.Keys("any") != nil {
		t.Errorf("%+v", c)
	}
	if c.URL != "u" || c.Namespace != "n" {
		t.Errorf("other fields changed: %+v", c)
	}
}

func TestWithDefaultsKeepsOtherFields(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	c := driver.Config{
		SweepInterval: -1, Logger: logger,
		Now:  func() time.Time { return time.Unix(7, 0) },
		Keys: func(purpose string) [][]byte { return [][]byte{[]byte(purpose)} },
	}.WithDefaults()
	if c.SweepInterval != -1 || c.Logger != logger || c.Now() != time.Unix(7, 0) || string(c.Keys("p")[0]) != "p" {
		t.Errorf("%+v", c)
	}
}

func TestOpenFunc(t *testing.T) {
	var got string
	var d driver.Driver = driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		got = cfg.URL
		return nil, driver.ErrClosed
	})
	if s, err := d.Open(t.Context(), driver.Config{URL: "u"}); s != nil || err != driver.ErrClosed || got != "u" {
		t.Errorf("%v, %v with %q", s, err, got)
	}
}
