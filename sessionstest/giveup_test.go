package sessionstest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// hangingEnv is the environment variable that enables the tests that must fail.
const hangingEnv = "SESSIONSTEST_HANGING"

func TestRunOfAStoreThatHangs(t *testing.T) {
	if os.Getenv(hangingEnv) == "" {
		t.Skip("TestRunGivesUp runs it in a separate process")
	}
	h := brokenHarness(func(f *faulty, _ *mapStore) { f.close = func() error { select {} } })
	h.Timeout = 300 * time.Millisecond
	Run(t, h)
}

// A store that hangs in every case is reported before go test's own timeout.
func TestRunGivesUp(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestRunOfAStoreThatHangs$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), hangingEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("a store that hangs passed")
	}
	said := string(out)
	if n := strings.Count(said, "Close did not return"); n != maxHung || !strings.Contains(said, "3 cases hung, for 300ms each; the other ") {
		t.Errorf("Close was said to hang %d times, in\n%s", n, said)
	}
}

// leaking is a store that leaks a goroutine in every case.
func leaking() (Harness, func()) {
	forever := make(chan struct{})
	return brokenHarness(func(f *faulty, m *mapStore) {
		f.close = func() error {
			go func() { <-forever }()
			return m.Close()
		}
	}), func() { close(forever) }
}

// If a store leaks goroutines in every case, Run waits for them only in the first few
// cases, and runs all cases.
func TestLeaksAreWaitedForThreeTimes(t *testing.T) {
	h, end := leaking()
	defer end()
	s := newSuite(h, t.Name())
	s.leakTimeout = 30 * time.Millisecond
	got := s.check(t, func(c testCase) bool { return c.rule != 8 && c.name != "data-of-any-size" })
	if len(got) != maxHung {
		t.Fatalf("%d failures, want %d: %v", len(got), maxHung, got)
	}
	for i, f := range got {
		if f.rule != 11 || !strings.HasPrefix(f.saw, "goroutines are still running 30ms after Close") || strings.Contains(f.saw, "later cases are not checked") != (i == maxHung-1) {
			t.Errorf("%v", f)
		}
	}
}
