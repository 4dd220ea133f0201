package main

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// memcachedPlace is a store on a memcached of the test's own.
func memcachedPlace(t *testing.T) place {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil {
		if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
			t.Fatal("memcached is not installed, and SESSIONS_TEST_REQUIRE is 1")
		}
		t.Skip("memcached is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	if n, err := strconv.Atoi(port); n == 0 || err != nil {
		t.Fatal(err)
	}
	args := []string{"-l", "127.0.0.1", "-p", port, "-U", "0"}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	return place{"SESSIONS_STORE": "memcached", "SESSIONS_URL": "127.0.0.1:" + port}
}

func TestWhatMemcachedCannotIsSaid(t *testing.T) {
	at := memcachedPlace(t)
	a := at.program(t)
	v := a.visitor("user:1", "v")
	for _, args := range [][]string{
		{"list"}, {"list", "-owner", "user:1"}, {"count"}, {"destroy", "-owner", "user:1", "-yes"}, {"destroy", "-owner", "user:1"}, {"sweep"},
	} {
		at.run(t, args...).expect(t, exitUnsupported, "cannot")
	}
	to := places["dbm"](t)
	at.and(to.destination()).run(t, "copy").expect(t, exitUnsupported, "cannot list its sessions")
	at.run(t, "show", a.id(v)).expect(t, exitDone, "user:1")
	at.run(t, "check", "-write").expect(t, exitDone, "ends a session for good")
	at.run(t, "destroy", "-yes", a.id(v)).expect(t, exitDone, "1 session destroyed")
	if a.name(v) != "" {
		t.Error("it was not destroyed")
	}
}

func TestCopyToMemcached(t *testing.T) {
	from, to := places["file"](t), memcachedPlace(t)
	a := from.program(t)
	v, w := a.visitor("user:1", "v"), a.visitor("", "w")
	both := from.and(to.destination())
	both.run(t, "copy", "-delete", "-yes").expect(t, exitUnsupported, "cannot list its sessions")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[created:2 read:2]")
	expectCounts(t, both.run(t, "copy", "-json").expect(t, exitDone), "map[identical:2 read:2]")
	b := to.program(t)
	if b.name(v) != "v" || b.name(w) != "w" {
		t.Error("the clients' sessions are not there")
	}
}
