//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "torture: the faults it makes need Linux")
	os.Exit(1)
}
