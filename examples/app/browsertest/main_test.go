package browsertest

import (
	"fmt"
	"os"
	"testing"
)

// scratch is where the program is built.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sessions-browsertest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
