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

// asCommand makes the test program behave as the command itself.
const asCommand = "SESSIONS_TEST_AS_COMMAND"

// stopServers ends what the tests started.
var stopServers = func() {}

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "1" {
		main()
	}
	code := m.Run()
	stopServers()
	os.Exit(code)
}

// place is a store of a test's own, as the operator names it.
type place map[string]string

// places are all the kinds of store that there is everything to do with.
var places = map[string]func(t *testing.T) place{
	"file": func(t *testing.T) place {
		return place{"SESSIONS_STORE": "file", "SESSIONS_DATA_DIR": filepath.Join(t.TempDir(), "data")}
	},
	"dbm": func(t *testing.T) place {
		return place{"SESSIONS_URL": "dbm://" + filepath.Join(t.TempDir(), "kept", "here.db")}
	},
	"SQLite": func(t *testing.T) place {
		return place{"SESSIONS_URL": "sqlite:///" + filepath.Join(t.TempDir(), "here.db")} // no store needs to be named
	},
}

func everywhere(t *testing.T, test func(t *testing.T, at place)) {
	for name, make := range places {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// destination is the place as the one to copy to.
func (p place) destination() place {
	to := place{}
	for name, value := range p {
		to[strings.Replace(name, "SESSIONS_", "SESSIONS_TO_", 1)] = value
	}
	return to
}

func (p place) and(q place) place {
	all := place{}
	for _, one := range []place{p, q} {
		for name, value := range one {
			all[name] = value
		}
	}
	return all
}

// result is what the command did.
type result struct {
	code     int
	out, err string
}

// call is a command line under way.
type call struct {
	in      string
	asks    bool
	context context.Context
}

// run runs the command in the place's environment, without a terminal.
func (p place) run(t *testing.T, args ...string) result {
	t.Helper()
	return p.call(t, call{}, args...)
}

func (p place) call(t *testing.T, how call, args ...string) result {
	t.Helper()
	if how.context == nil {
		how.context = t.Context()
	}
	var out, err bytes.Buffer
	code := run(how.context, args, &console{
		in: strings.NewReader(how.in), out: &out, err: &err, asks: how.asks,
		env: func(name string) (string, bool) { v, ok := p[name]; return v, ok },
	})
	return result{code, out.String(), err.String()}
}

// expect fails unless the command ended so, and its outputs have the texts.
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

// objects are the lines of JSON.
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

// ids are the ids that list -ids writes.
func (p place) ids(t *testing.T, args ...string) []string {
	t.Helper()
	return strings.Fields(p.run(t, append([]string{"list", "-ids"}, args...)...).expect(t, exitDone).out)
}

// program is a program whose sessions are in the place.
type program struct {
	t *testing.T
	*sessions.Manager
	clock time.Duration // how far its clock is ahead
}

var secret = []byte("a secret that signs the cookies of every program here")

func (p place) program(t *testing.T, change ...func(*sessions.Options)) *program {
	t.Helper()
	a := &program{t: t}
	o := sessions.Options{
		Store:         p["SESSIONS_STORE"],
		URL:           p["SESSIONS_URL"],
		DataDir:       p["SESSIONS_DATA_DIR"],
		Namespace:     p["SESSIONS_NAMESPACE"],
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

// visit is a request of the client's.
func (a *program) visit(v *visitor, do func(s *sessions.Session)) {
	a.t.Helper()
	if err := v.visit(a.t.Context(), a.Manager, func(s *sessions.Session) error { do(s); return s.Err() }); err != nil {
		a.t.Error(err)
	}
}

// visitor is a new client who is known by the name from then on.
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

// name is what the program knows the client by.
func (a *program) name(v *visitor) (name string) {
	a.t.Helper()
	a.visit(v, func(s *sessions.Session) { name, _ = s.Get("name").(string) })
	return name
}

// id is the public id of the client's session.
func (a *program) id(v *visitor) (id string) {
	a.t.Helper()
	a.visit(v, func(s *sessions.Session) { id = s.ID() })
	return id
}
