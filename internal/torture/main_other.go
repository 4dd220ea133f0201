//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "torture: injecting faults requires Linux")
	os.Exit(1)
}
