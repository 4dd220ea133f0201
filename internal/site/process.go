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

// order is the environment variable that makes the test program the second process. It
// has the number of visits, the session's token and the store's URL.
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

// IsSecondProcess reports whether this is the second process of CountsInTwoProcesses,
// and if so does its work. The test that calls CountsInTwoProcesses calls it first.
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

// CountsInTwoProcesses tests that no visit is lost if two processes use one session.
// The second process runs the named test.
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
