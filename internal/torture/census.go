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

// census counts what a process has.
type census struct {
	Goroutines  int
	Descriptors []string // what each leads to, sorted
}

func takeCensus() census {
	c := census{Goroutines: runtime.NumGoroutine()}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err) // the kernel gives it to every process
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // the directory's own is closed
			c.Descriptors = append(c.Descriptors, to)
		}
	}
	slices.Sort(c.Descriptors)
	return c
}

// left is what a process that has shut down did not give back.
type left struct {
	Close       string // what Manager.Close complained of
	Goroutines  int
	Descriptors []string
	Stacks      string
}

func (l left) nothing() bool { return l.Goroutines <= 0 && len(l.Descriptors) == 0 }

func (l left) String() string {
	return fmt.Sprintf("%d goroutines, descriptors %q\n%s", l.Goroutines, l.Descriptors, l.Stacks)
}

// leftSince gives what is ending a moment to end.
func leftSince(before census) (l left) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := takeCensus()
		l = left{Goroutines: now.Goroutines - before.Goroutines, Descriptors: missing(now.Descriptors, before.Descriptors)}
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

// missing returns what is in all more often than in some. Anonymous things of
// the kernel are named by their kind, as their numbers change.
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
