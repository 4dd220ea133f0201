package browsertest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// build compiles the app once, into a directory that main_test.go removes.
var build = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(scratch, "app")
	cmd := exec.Command("go", "build", "-C", "../../..", "-o", program, "./examples/app")
	cmd.Stderr = os.Stderr
	return program, cmd.Run()
})

// start runs the app as a visitor of the repository would, on a free port, and
// returns its address.
func start(t *testing.T, flags ...string) (address string) {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal("build the app: ", err)
	}
	cmd := exec.Command(program, append([]string{"-addr", "127.0.0.1:0"}, flags...)...)
	cmd.Dir = t.TempDir()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Error("the app: ", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 2 || !strings.HasPrefix(words[1], "http") {
		t.Fatalf("the app says %q: %v", line, err)
	}
	return words[1]
}
