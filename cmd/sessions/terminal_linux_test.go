package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a new pseudo-terminal: the person's end, and the program's.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// read reads what the terminal shows, until it shows the text.
func read(t *testing.T, person *os.File, until string) string {
	t.Helper()
	var shown strings.Builder
	buf := make([]byte, 1024)
	for !strings.Contains(shown.String(), until) {
		n, err := person.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, shown.String())
		}
		shown.Write(buf[:n])
	}
	return shown.String()
}

// TestOnATerminal asks a person, who says yes; and another, who ends it.
func TestOnATerminal(t *testing.T) {
	at := envs["dbm"](t)
	a := at.program(t)
	v := a.visitor("user:1", "v")
	start := func() (person *os.File, wait func() int, signal func(os.Signal)) {
		person, program := terminal(t)
		cmd := at.process(t, "destroy", "-owner", "user:1")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return person, func() int { _ = cmd.Wait(); return cmd.ProcessState.ExitCode() }, func(s os.Signal) {
			if err := cmd.Process.Signal(s); err != nil {
				t.Error(err)
			}
		}
	}

	person, wait, signal := start()
	read(t, person, "[y/N] ")
	signal(os.Interrupt)
	if code := wait(); code != exitInterrupted {
		t.Errorf("interrupted, it exits with %d", code)
	}
	if a.name(v) != "v" {
		t.Error("interrupted, it destroyed")
	}

	person, wait, _ = start()
	read(t, person, "[y/N] ")
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	read(t, person, "1 session destroyed")
	if code := wait(); code != exitDone || a.name(v) != "" {
		t.Errorf("after a yes, it exits with %d, and the session is %q", code, a.name(v))
	}
}
