package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMainProcess runs main in a separate process.
func TestMainProcess(t *testing.T) {
	at := envs["file"](t)
	a := at.program(t)
	v := a.visitor("user:1", "v")

	list := at.process(t, "list")
	out, err := list.Output()
	if err != nil || !strings.Contains(string(out), a.id(v)) {
		t.Errorf("%v, %s", err, out)
	}

	destroy := at.process(t, "destroy", "-owner", "user:1")
	destroy.Stdin = strings.NewReader("y\n") // a pipe is not a terminal
	both, err := destroy.CombinedOutput()
	if destroy.ProcessState.ExitCode() != exitRefused || !strings.Contains(string(both), "there is no terminal") {
		t.Errorf("%v, %s", err, both)
	}
	if a.name(v) != "v" {
		t.Error("destroyed without confirmation")
	}
	if both, err := at.process(t, "destroy", "-owner", "user:1", "-yes").CombinedOutput(); err != nil || a.name(v) != "" {
		t.Errorf("%v, %s", err, both)
	}
}

// process returns the command as a separate process with e in its environment.
func (e env) process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	for name, value := range e {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// TestWithoutCgo builds the command as it is built without a C compiler.
func TestWithoutCgo(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	bin := t.TempDir() + "/sessions"
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, store := range []string{"SQLite", "file"} { // SQLite in Go
		at := envs[store](t)
		v := at.program(t).visitor("", "v")
		cmd := at.process(t, "list", "-ids")
		cmd.Path = bin
		if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != at.program(t).id(v) {
			t.Errorf("%s: %v, %s", store, err, out)
		}
	}
}
