package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// counts returns the counts in the output of copy -json.
func counts(t *testing.T, r result) map[string]int {
	t.Helper()
	n := map[string]int{}
	for name, v := range r.objects(t)[0] {
		if f, ok := v.(float64); ok && f != 0 {
			n[name] = int(f)
		}
	}
	return n
}

func expectCounts(t *testing.T, r result, want string) {
	t.Helper()
	if got := fmt.Sprint(counts(t, r)); got != want {
		t.Errorf("%s, want %s; standard error:\n%s", got, want, r.err)
	}
}

// records returns all records of the store.
func (e env) records(t *testing.T) map[driver.Key]driver.Record {
	t.Helper()
	s, err := sessions.OpenStore(t.Context(), sessions.Options{
		Store: e["SESSIONS_STORE"], URL: e["SESSIONS_URL"], DataDir: e["SESSIONS_DATA_DIR"], Namespace: e["SESSIONS_NAMESPACE"], SweepInterval: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := map[driver.Key]driver.Record{}
	for e, err := range s.(driver.Lister).All(t.Context()) {
		if err != nil {
			t.Error(err)
			continue
		}
		e.Record.Hint = nil
		all[e.Key] = e.Record
	}
	return all
}

func expectSame(t *testing.T, from, to env) {
	t.Helper()
	if a, b := fmt.Sprintf("%+v", from.records(t)), fmt.Sprintf("%+v", to.records(t)); a != b {
		t.Errorf("the records differ:\n%s\n%s", a, b)
	}
}

// TestCopyFromStoreToStore copies a program's sessions through every kind of store. The
// clients' sessions keep working.
func TestCopyFromStoreToStore(t *testing.T) {
	route := []string{"file", "SQLite", "dbm", "file"}
	if _, ok := envs["PostgreSQL"]; ok {
		route = append(route, "PostgreSQL", "file")
	}
	at := envs[route[0]](t)
	a := at.program(t)
	phone, laptop := a.visitor("user:1", "phone"), a.visitor("user:1", "laptop")
	var guests []*visitor
	for i := range 300 { // several pages of every store's listing
		guests = append(guests, a.visitor("", fmt.Sprint("guest ", i)))
	}
	hostile := "user\x00\xff'; DROP TABLE sessions"
	odd := a.visitor(hostile, "odd")
	a.visit(phone, func(s *sessions.Session) {
		s.SetIdleTimeout(time.Hour)
		s.AddFlash("Copied.")
	})

	for _, name := range route[1:] {
		to := envs[name](t)
		expectCounts(t, at.and(to.destination()).run(t, "copy", "-json").expect(t, exitDone), "map[created:303 read:303]")
		expectSame(t, at, to)
		at = to
	}

	b := at.program(t)
	for i, v := range guests {
		if got := b.name(v); got != fmt.Sprint("guest ", i) {
			t.Errorf("guest %d is %q", i, got)
		}
	}
	if b.name(phone) != "phone" || b.name(laptop) != "laptop" || b.name(odd) != "odd" {
		t.Error("the owners' sessions were not copied")
	}
	b.visit(phone, func(s *sessions.Session) {
		if flashes := s.Flashes(); !slices.Equal(flashes, []string{"Copied."}) {
			t.Errorf("messages: %q", flashes)
		}
	})
	for owner, want := range map[string]int{"user:1": 2, hostile: 1} {
		if n, err := b.DestroyOwned(t.Context(), owner); n != want || err != nil {
			t.Errorf("destroyed %d of %q, %v", n, owner, err)
		}
	}
	if b.name(phone) != "" || b.name(odd) != "" {
		t.Error("the owner was not copied into the index")
	}
}

// TestCopyAgain tests the second copy of the procedure in the help.
func TestCopyAgain(t *testing.T) {
	forEachStore(t, func(t *testing.T, from env) {
		to := envs["dbm"](t)
		both := from.and(to.destination())
		a := from.program(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		same, busy, read, out := a.visitor("", "same"), a.visitor("", "busy"), a.visitor("", "read"), a.visitor("", "out")
		expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[created:4 read:4]")
		expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[identical:4 read:4]")

		a.visit(busy, func(s *sessions.Session) { s.Set("cart", "full") }) // immediately, so the times do not change
		a.visit(out, func(s *sessions.Session) { s.Destroy(t.Context()) })
		late := a.visitor("", "late")
		a.clock = 30 * time.Minute
		a.name(read)
		a.clock = 0

		r := both.run(t, "copy", "-json").expect(t, exitDone)
		expectCounts(t, r, "map[created:1 differing:1 identical:1 read:4 refreshed:1]")
		if n := len(to.records(t)); n != 5 {
			t.Errorf("%d sessions, want those four and the one that ended since", n)
		}

		both.run(t, "copy", "-overwrite", "-delete").expect(t, exitRefused, "nothing was done")
		r = both.run(t, "copy", "-json", "-overwrite", "-delete", "-yes").expect(t, exitDone)
		expectCounts(t, r, "map[identical:3 read:4 removed:1 replaced:1]")
		expectSame(t, from, to)

		b := to.program(t)
		if b.name(same) != "same" || b.name(read) != "read" || b.name(late) != "late" || b.name(out) != "" {
			t.Error("the clients' sessions changed")
		}
		b.visit(busy, func(s *sessions.Session) {
			if s.Get("cart") != "full" {
				t.Error("a change between the copies is lost")
			}
		})
	})
}

func TestCopyKeepsNewerSessions(t *testing.T) {
	from, to := envs["file"](t), envs["SQLite"](t)
	both := from.and(to.destination())
	a := from.program(t, func(o *sessions.Options) { o.IdleTimeout = 24 * time.Hour })
	v, w := a.visitor("", "v"), a.visitor("", "w")
	both.run(t, "copy").expect(t, exitDone, "2 copied")

	b := to.program(t, func(o *sessions.Options) { o.IdleTimeout = 24 * time.Hour })
	b.clock = time.Hour
	b.visit(v, func(s *sessions.Session) { s.Set("name", "newer") })
	b.name(w) // the same state, used later
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[differing:1 identical:1 read:2]")
	if b.name(v) != "newer" {
		t.Error("a newer session was replaced")
	}
	expectCounts(t, both.run(t, "copy", "-json", "-overwrite", "-yes").expect(t, exitDone), "map[read:2 refreshed:1 replaced:1]")
	if b.name(v) != "v" {
		t.Error("-overwrite did not replace it")
	}

	// In the other direction, the newer state replaces the older one.
	a.clock = 2 * time.Hour
	a.visit(v, func(s *sessions.Session) { s.Set("name", "newest") })
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[identical:1 read:2 replaced:1]")
	if b.name(v) != "newest" {
		t.Error("an older session was kept")
	}
}

func TestCopySkipsDamagedRecords(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	a := from.program(t)
	broken, whole, large := a.visitor("", "broken"), a.visitor("", "whole"), a.visitor("", "large")
	bad := a.id(broken)
	corrupt(t, from, bad)
	a.visit(large, func(s *sessions.Session) { s.Set("much", strings.Repeat("x", 5<<20)) })

	from.run(t, "list").expect(t, exitIncomplete, a.id(whole), a.id(large), bad+" is damaged")
	from.run(t, "count").expect(t, exitIncomplete, "2\n", "1 session is damaged")
	from.run(t, "show", bad, a.id(whole)).expect(t, exitIncomplete, a.id(whole), bad+" is damaged")

	r := from.and(to.destination()).run(t, "copy", "-json").expect(t, exitIncomplete, bad+" is damaged")
	expectCounts(t, r, "map[created:2 failed:1 read:3]")
	sqlite := envs["SQLite"](t)
	r = from.and(sqlite.destination()).run(t, "copy").expect(t, exitIncomplete, bad+" is damaged", a.id(large)+" is too large", "2 sessions were not copied")
	if n := len(sqlite.records(t)); n != 1 {
		t.Errorf("%d copied:\n%s", n, r.out)
	}

	from.run(t, "destroy", "-yes", bad).expect(t, exitDone, "1 session destroyed")
	from.run(t, "list").expect(t, exitDone)
}

func TestCopyRepairsADamagedDestination(t *testing.T) {
	from, to := envs["dbm"](t), envs["file"](t)
	both := from.and(to.destination())
	a := from.program(t)
	v := a.visitor("", "v")
	both.run(t, "copy").expect(t, exitDone)
	corrupt(t, to, a.id(v))
	both.run(t, "copy").expect(t, exitDone, "1 copied")
	expectSame(t, from, to)
}

// copy -delete keeps a session whose record in the source is damaged.
func TestDeleteKeepsDamagedSessions(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	both := from.and(to.destination())
	a := from.program(t)
	v := a.visitor("", "v")
	both.run(t, "copy").expect(t, exitDone, "1 copied")
	corrupt(t, from, a.id(v))
	r := both.run(t, "copy", "-delete", "-yes", "-json").expect(t, exitIncomplete, "is damaged")
	expectCounts(t, r, "map[failed:1 read:1]")
	if to.program(t).name(v) != "v" {
		t.Error("it was deleted from the destination")
	}
}

// copierOf returns a copier between two stores.
func copierOf(t *testing.T, from, to env) *copier {
	t.Helper()
	var f, d target
	flagless(&f, &d)
	c := quiet(from.and(to.destination()))
	s, u, err := openBoth(t.Context(), c, &f, &d, age(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); u.Close() })
	return &copier{from: s, to: u, parallel: 3, console: c}
}

func TestDeleteKeepsConcurrentlyChangedSessions(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	from.program(t)
	b := to.program(t)
	v := b.visitor("", "v")
	cp := copierOf(t, from, to)
	cp.to.Store = meddling{cp.to.Store}
	if err := cp.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := cp.tally.n; n[changed] != 1 || n[removed] != 0 || b.name(v) != "v" {
		t.Errorf("%d changed, %d removed, and the session is %q", n[changed], n[removed], b.name(v))
	}
}

func TestSessionThatExpiresDuringTheCopy(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	from.program(t)
	cp := copierOf(t, from, to)
	past := driver.MillisOf(time.Now().Add(-time.Second))
	if o, err := cp.put(t.Context(), driver.Key{1}, driver.Record{Version: 1, Created: past, Accessed: past, Expires: past}); o != over || err != nil {
		t.Errorf("outcome %d, %v", o, err)
	}
}

// corrupt changes a byte in both slots of a session in the file store.
func corrupt(t *testing.T, at env, id string) {
	t.Helper()
	path := filepath.Join(at["SESSIONS_DATA_DIR"], "records", id[:2], id)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[30] ^= 1
	b[len(b)/2+30] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCopyContinuesAfterAnInterruption(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	a := from.program(t)
	for i := range 50 {
		a.visitor("", fmt.Sprint(i))
	}
	both := from.and(to.destination())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	both.call(t, call{context: ctx}, "copy").expect(t, exitInterrupted, "interrupted")

	// The destination interrupts the command after some saves.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	cp := copierOf(t, from, to)
	cp.to.Store = &stopping{Store: cp.to.Store, after: 20, stop: cancel}
	list, err := cp.from.all(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := cp.copy(ctx, list); exitCode(ctx, err) != exitInterrupted {
		t.Errorf("the copy ended with %v", err)
	}
	some := len(to.records(t))
	if some < 20 || some >= 50 {
		t.Errorf("%d sessions were copied", some)
	}
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), fmt.Sprintf("map[created:%d identical:%d read:50]", 50-some, some))
	expectSame(t, from, to)
}

// copy -delete from an empty store deletes nothing, since a mistyped namespace looks
// like an empty store.
func TestDeleteDoesNotEmptyTheDestination(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	from.program(t)
	b := to.program(t)
	v := b.visitor("", "v")
	from.and(to.destination()).run(t, "copy", "-overwrite", "-delete", "-yes").expect(t, exitUsage, "nothing was removed", "is -namespace right?")
	if b.name(v) != "v" {
		t.Error("it deleted the destination's sessions")
	}
}

func TestCopyRejectsInvalidArguments(t *testing.T) {
	from := envs["file"](t)
	from.program(t)
	for name, c := range map[string]struct {
		to   env
		args []string
		code int
		says string
	}{
		"the same store":  {from.destination(), nil, exitUsage, "both are the store file"},
		"no destination":  {nil, nil, exitUsage, "-to-store"},
		"into memory":     {env{"SESSIONS_TO_STORE": "memory"}, nil, exitUnsupported, "in the program's memory"},
		"into cookies":    {env{"SESSIONS_TO_STORE": "cookie"}, nil, exitUnsupported, "in the clients' cookies"},
		"nobody to do it": {env{"SESSIONS_TO_URL": "dbm:" + t.TempDir() + "/x.db"}, []string{"-parallel", "0"}, exitUsage, "-parallel"},
	} {
		t.Run(name, func(t *testing.T) {
			from.and(c.to).run(t, append([]string{"copy"}, c.args...)...).expect(t, c.code, c.says)
		})
	}
}

func TestCopyWarnsOfAnotherNamespace(t *testing.T) {
	from, to := envs["file"](t), envs["dbm"](t)
	a := from.program(t)
	v := a.visitor("", "v")
	from.and(to.destination()).run(t, "copy", "-to-namespace", "shop").expect(t, exitDone, "the namespaces differ")
	shop := to.and(env{"SESSIONS_NAMESPACE": "shop"})
	if got := shop.program(t).name(v); got != "" {
		t.Errorf("the cookie of another namespace opened the session of %q: the note is wrong", got)
	}
	expectSame(t, from, shop)
}

// Progress is shown in one line on a terminal, else as separate lines.
func TestProgress(t *testing.T) {
	for redraws, want := range map[bool]string{
		false: "0 read, 0 written, 0 a second\na note\n4 read, 3 written, 0 a second, 1 removed\n",
		true:  "0 read, 0 written\r\x1b[Ka note\n4 read, 3 written, 1 removed\r\x1b[K",
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			c := &console{err: &log, redraws: redraws}
			every := 10 * time.Second
			if redraws {
				every = 200 * time.Millisecond
			}
			var n tally
			stop := c.progress(n.progress)
			time.Sleep(every)
			synctest.Wait()
			c.note("a note")
			for _, o := range []outcome{created, created, created, identical, removed} {
				n.add(o)
			}
			time.Sleep(every)
			synctest.Wait()
			stop()
			if got := log.String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
