package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRun starts the program like main, and stops it like a signal.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, said := io.Pipe()
	var log bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-store", "cookie", "-secret", secret}, said, &log)
	}()
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Fields(string(line[:n]))[1]
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s", url, res.Status)
	}

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(drain + 5*time.Second):
		t.Fatal("the program does not stop")
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the log contains the secret")
	}
}

// TestDrain stops the server during a request, which still gets its response.
func TestDrain(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stop()
			for { // until the server accepts no connections
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					break
				}
				c.Close()
			}
			io.WriteString(w, "the answer")
		}), slog.New(slog.DiscardHandler))
	}()
	res, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "the answer" {
		t.Errorf("answer %q: %v", body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	env := func(string) (string, bool) { return secret, true }
	set, err := parseFlags([]string{"-url", "memory:?max=10"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if set.storeName() != "memory" || set.secret != secret {
		t.Errorf("settings: %+v", set)
	}

	var help bytes.Buffer
	if _, err := parseFlags([]string{"-h"}, env, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	expect(t, help.String(), "go run ./examples/app", "-store", "memory")
	expectNot(t, help.String(), secret)

	for _, args := range [][]string{{"-no-such"}, {"extra"}} {
		if _, err := parseFlags(args, env, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	empty := func(string) (string, bool) { return "", true }
	if _, err := parseFlags(nil, empty, io.Discard); err == nil {
		t.Error("an empty SESSIONS_SECRET was accepted")
	}
}
