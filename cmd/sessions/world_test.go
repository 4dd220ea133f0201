package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// asCommand is the environment variable that makes the test binary run the command.
const asCommand = "SESSIONS_TEST_AS_COMMAND"

// stopServers stops the servers that the tests started.
var stopServers = func() {}

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "1" {
		main()
	}
	code := m.Run()
	stopServers()
	os.Exit(code)
}

// env is an environment that selects a test's own store.
type env map[string]string

// envs creates a store of each kind that supports every command.
var envs = map[string]func(t *testing.T) env{
	"file": func(t *testing.T) env {
		return env{"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": filepath.Join(t.TempDir(), "data")}
	},
	"dbm": func(t *testing.T) env {
		return env{"SESSIONS_URL": "dbm://" + filepath.Join(t.TempDir(), "kept", "here.db")}
	},
	"SQLite": func(t *testing.T) env {
		return env{"SESSIONS_URL": "sqlite:///" + filepath.Join(t.TempDir(), "here.db")} // the URL alone selects the store
	},
}

func forEachStore(t *testing.T, test func(t *testing.T, at env)) {
	for name, make := range envs {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// destination returns the variables that select the store as a copy's destination.
func (e env) destination() env {
	to := env{}
	for name, value := range e {
		to[strings.Replace(name, "SESSIONS_", "SESSIONS_TO_", 1)] = value
	}
	return to
}

func (e env) and(q env) env {
	all := env{}
	for _, one := range []env{e, q} {
		for name, value := range one {
			all[name] = value
		}
	}
	return all
}

// result is the output and exit code of the command.
type result struct {
	code     int
	out, err string
}

// call configures a run of the command.
type call struct {
	in      string
	asks    bool
	context context.Context
}

// run runs the command with e as its environment, without a terminal.
func (e env) run(t *testing.T, args ...string) result {
	t.Helper()
	return e.call(t, call{}, args...)
}

func (e env) call(t *testing.T, how call, args ...string) result {
	t.Helper()
	if how.context == nil {
		how.context = t.Context()
	}
	var out, err bytes.Buffer
	code := run(how.context, args, &console{
		in: strings.NewReader(how.in), out: &out, err: &err, asks: how.asks,
		env: func(name string) (string, bool) { v, ok := e[name]; return v, ok },
	})
	return result{code, out.String(), err.String()}
}

// expect fails the test unless the exit code is code and the output contains the texts.
func (r result) expect(t *testing.T, code int, texts ...string) result {
	t.Helper()
	ok := true
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
		ok = false
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("it does not say %q", text)
			ok = false
		}
	}
	if !ok {
		t.Logf("standard output:\n%s\nstandard error:\n%s", r.out, r.err)
	}
	return r
}

// objects returns the decoded lines of JSON.
func (r result) objects(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for in := json.NewDecoder(strings.NewReader(r.out)); ; {
		var one map[string]any
		if err := in.Decode(&one); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("%v in:\n%s", err, r.out)
		}
		all = append(all, one)
	}
}

// ids returns the output of list -ids.
func (e env) ids(t *testing.T, args ...string) []string {
	t.Helper()
	return strings.Fields(e.run(t, append([]string{"list", "-ids"}, args...)...).expect(t, exitDone).out)
}

// program is a program that uses the store.
type program struct {
	t *testing.T
	*sessions.Manager
	clock time.Duration // offset of its clock
}

var secret = []byte("a secret that signs the cookies of every program here")

func (e env) program(t *testing.T, change ...func(*sessions.Options)) *program {
	t.Helper()
	a := &program{t: t}
	o := sessions.Options{
		Store:         e["SESSIONS_STORE"],
		URL:           e["SESSIONS_URL"],
		DataDir:       e["SESSIONS_DATA_DIR"],
		Namespace:     e["SESSIONS_NAMESPACE"],
		Cookie:        sessions.Cookie{Secret: secret},
		SweepInterval: -1,
		Logger:        slog.New(slog.DiscardHandler),
		Now:           func() time.Time { return time.Now().Add(a.clock) },
	}
	for _, f := range change {
		f(&o)
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	a.Manager = m
	t.Cleanup(func() { m.Close() })
	return a
}

// visit sends a request of the client.
func (a *program) visit(v *visitor, do func(s *sessions.Session)) {
	a.t.Helper()
	if err := v.visit(a.t.Context(), a.Manager, func(s *sessions.Session) error { do(s); return s.Err() }); err != nil {
		a.t.Error(err)
	}
}

// visitor returns a new client with a session that has the owner and name.
func (a *program) visitor(owner, name string) *visitor {
	a.t.Helper()
	v := &visitor{}
	a.visit(v, func(s *sessions.Session) {
		s.Set("name", name)
		if err := s.SetOwner(owner); err != nil {
			a.t.Error(err)
		}
	})
	if a.name(v) != name {
		a.t.Fatalf("%s has no session", name)
	}
	return v
}

// name returns the name in the client's session.
func (a *program) name(v *visitor) (name string) {
	a.t.Helper()
	a.visit(v, func(s *sessions.Session) { name, _ = s.Get("name").(string) })
	return name
}

// id returns the public ID of the client's session.
func (a *program) id(v *visitor) (id string) {
	a.t.Helper()
	a.visit(v, func(s *sessions.Session) { id = s.ID() })
	return id
}
