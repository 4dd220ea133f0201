package sessionstest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// hangingEnv has TestRunOfAStoreThatHangs run, which fails as it must.
const hangingEnv = "SESSIONSTEST_HANGING"

func TestRunOfAStoreThatHangs(t *testing.T) {
	if os.Getenv(hangingEnv) == "" {
		t.Skip("TestRunGivesUp runs it, in a process of its own")
	}
	h := brokenHarness(func(f *faulty, _ *mapStore) { f.close = func() error { select {} } })
	h.Timeout = 300 * time.Millisecond
	Run(t, h)
}

// A store that hangs in each case is told so before go test's own limit comes.
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
	if n := strings.Count(said, "Close did not return"); n != mostHung || !strings.Contains(said, "3 cases hung, for 300ms each: the other ") {
		t.Errorf("Close was said to hang %d times, in\n%s", n, said)
	}
}
