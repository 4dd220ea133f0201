package site

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

// order makes this test's program a second process: what it says is how often
// to count, in which session, and in what store.
const order = "SITE_TEST_COUNT"

func count(m *sessions.Manager, token string, times int) error {
	for range times {
		s, err := m.Load(context.Background(), token)
		if err != nil {
			return err
		}
		Visits.Update(s, func(n int) int { return n + 1 })
		if err := s.Save(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// IsSecondProcess does the work of CountsInTwoProcesses's second process, if this
// is one. The test that calls that begins with it.
func IsSecondProcess(t *testing.T, open func(url string) *sessions.Manager) bool {
	said := os.Getenv(order)
	if said == "" {
		return false
	}
	words := strings.SplitN(said, " ", 3)
	times, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatal(err)
	}
	m := open(words[2])
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := count(m, words[1], times); err != nil {
		t.Fatal(err)
	}
	return true
}

// CountsInTwoProcesses tests that no visit is lost of two processes on one
// session. The other one runs the test of that name.
func CountsInTwoProcesses(t *testing.T, test, url string, open func(url string) *sessions.Manager, times int) {
	t.Helper()
	m := open(url)
	b := &Browser{Site: New(m)}
	b.Wants(t, "/visit", "1 ")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", order, times, b.Token(), url))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the second process: %q, %v", line, err)
	}
	_, _ = io.WriteString(in, "go\n")
	if err := count(m, b.Token(), times); err != nil {
		t.Error(err)
	}
	rest, _ := io.ReadAll(said)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the second process: %v\n%s", err, rest)
	}
	b.Wants(t, "/", strconv.Itoa(1+2*times)+" ")
}
