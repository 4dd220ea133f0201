//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// resources are the goroutines and file descriptors of a process.
type resources struct {
	Goroutines  int
	Descriptors []string // their targets, sorted
}

func countResources() resources {
	c := resources{Goroutines: runtime.NumGoroutine()}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err) // every Linux process has it
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // fails for the directory's own descriptor
			c.Descriptors = append(c.Descriptors, to)
		}
	}
	slices.Sort(c.Descriptors)
	return c
}

// leftovers are the resources that a process did not release when it shut down.
type leftovers struct {
	Close       string // the error of Manager.Close
	Goroutines  int
	Descriptors []string
	Stacks      string
}

func (l leftovers) nothing() bool { return l.Goroutines <= 0 && len(l.Descriptors) == 0 }

func (l leftovers) String() string {
	return fmt.Sprintf("%d goroutines, descriptors %q\n%s", l.Goroutines, l.Descriptors, l.Stacks)
}

// leftoversSince returns the resources acquired since before, after waiting for
// them to be released.
func leftoversSince(before resources) (l leftovers) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := countResources()
		l = leftovers{Goroutines: now.Goroutines - before.Goroutines, Descriptors: missing(now.Descriptors, before.Descriptors)}
		if l.nothing() {
			return l
		}
		if time.Now().After(deadline) {
			break
		}
	}
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	const most = 8 << 10
	l.Stacks = stacks.String()[:min(stacks.Len(), most)]
	return l
}

// missing returns the elements of all that are not in some, counting repetitions.
// Kernel objects such as sockets are compared by kind, since their numbers change.
func missing(all, some []string) (more []string) {
	count := make(map[string]int)
	kind := func(s string) string { k, _, _ := strings.Cut(s, ":["); return k }
	for _, s := range some {
		count[kind(s)]++
	}
	for _, s := range all {
		if count[kind(s)]--; count[kind(s)] < 0 {
			more = append(more, s)
		}
	}
	return more
}
