//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// render is the report, in Markdown.
func render(all []*result) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	var operations, writes int64
	var faults, bad int
	for _, res := range all {
		operations += res.Operations
		writes += res.Writes
		faults += res.faults()
		bad += res.violations()
	}
	p("# Torture")
	p("")
	p("%s operations and %s faults on %d stores: **%d violations**.", thousands(operations), thousands(int64(faults)), len(all), bad)
	p("")
	p("`internal/torture` runs real HTTP servers, several processes on one store, with thousands of")
	p("sessions in use, while processes are killed and stopped, backends restarted and frozen, disks")
	p("filled and clocks set wrong. One checker notes what each answer acknowledged, and compares every")
	p("later answer with it; at the end it reads every session, asks for every id that is dead, lists the")
	p("store, looks at the records behind its back, and counts what each process left open. This page is")
	p("written by the program.")
	p("")
	p("## What was done")
	p("")
	p("| store | processes | time | operations | faults | sessions | changes acknowledged | unsure | error pages | evicted | violations |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, res := range all {
		p("| %s | %d | %v | %s | %d | %s | %s | %s | %s | %s | **%d** |", res.Store, res.Processes, res.Took.Round(time.Second),
			thousands(res.Operations), res.faults(), thousands(res.Sessions), thousands(res.Writes),
			thousands(res.Unsure), thousands(res.Refused), thousands(res.Evictions), res.violations())
	}
	p("| all | | | %s | %s | | %s | | | | **%d** |", thousands(operations), thousands(int64(faults)), thousands(writes), bad)
	p("")
	p("- An *operation* is one request that was sent, of whatever kind: a third only read; the others set,")
	p("  count, change in place, delete, pop, add and take messages, sign in, renew, invalidate, log out, log")
	p("  out other devices, through plain, slow, streaming and panicking handlers, or come with a dead or")
	p("  forged cookie.")
	p("- A change is *acknowledged* if the answer came whole and with status 200. It is *unsure* if no")
	p("  answer came, or an error page after a save that may have landed: then both outcomes are right, and")
	p("  nothing else is. An *error page* is 503, for want of the store.")
	p("- *Evicted* are sessions whose server forgot them, as memcached does when it restarts and `memory`")
	p("  when its process ends. They are gone whole, or that is a violation too.")
	p("")
	p("| store | changes a second | renewals | log-outs | expired | lost to a log-out or renewal | stranded | clients hung up | handlers panicked | sweeps by hand |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, res := range all {
		p("| %s | %s | %s | %s | %s | %s | %d | %s | %s | %d |", res.Store, thousands(int64(float64(res.Writes)/max(1, res.Took.Seconds()))),
			thousands(res.Renewals), thousands(res.Logouts), thousands(res.Expired), thousands(res.Endings), res.Stranded,
			thousands(res.HungUp), thousands(res.Panics), res.Sweeps)
	}
	p("")
	p("*Stranded* are clients whose session was renewed and who did not get the new cookie: mostly they hung up,")
	p("or the process was killed before it answered. A few got an error page, as the store did not say whether the")
	p("old record was removed, and it was: that cannot be told from a log-out, which must not be undone.")
	p("")
	p("## Faults")
	p("")
	header, line := "| fault |", "|---|"
	names := make(map[string]bool)
	for _, res := range all {
		header += " " + res.Store + " |"
		line += "--:|"
		for name := range res.Faults {
			names[name] = true
		}
	}
	p("%s", header)
	p("%s", line)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row := "| " + name + " |"
		for _, res := range all {
			cell := ""
			if n := res.Faults[name]; n > 0 {
				cell = strconv.Itoa(n)
			}
			row += " " + cell + " |"
		}
		p("%s", row)
	}
	p("")
	p("*Killed* is SIGKILL; *stopped* and *hangs* are SIGSTOP, for up to a second longer than a store call may")
	p("take; *deployed anew* is an orderly end under load, after which no goroutine and no descriptor may be")
	p("left; a clock is wrong by up to three minutes; `memory`, which has no other way to be down, is switched")
	p("off by a wrapper. The first part of each run is without faults, and there every error is a violation.")
	p("")
	p("## What counts as a violation")
	p("")
	for _, v := range breaches {
		p("- %s", v)
	}
	p("")
	p("`go test ./internal/torture` also runs the checker against stores and servers that are broken in one")
	p("way each: each of these kinds is provoked, and has to be found.")
	if bad > 0 {
		p("")
		p("## Violations")
		for _, res := range all {
			if res.violations() > 0 {
				p("")
				p("```\n%v\n```", res)
			}
		}
	}
	p("")
	p("## To do the same")
	p("")
	p("On Linux, as root, with memcached, PostgreSQL and MariaDB installed (`./test.sh` installs them):")
	p("")
	p("    go run ./internal/torture")
	p("")
	p("writes this page anew. `-stores`, `-time` and `-seed` choose; `-results DIR` keeps each store's result, so that")
	p("the run can be done in parts. The seed decides what clients ask and which faults strike; when things happen is")
	p("the machine's affair, so two runs are alike and not the same.")
	p("")
	p("| store | seed | date |")
	p("|---|--:|---|")
	for _, res := range all {
		p("| %s | %d | %s |", res.Store, res.Seed, res.Date.Format("2006-01-02 15:04"))
	}
	return b.String()
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
