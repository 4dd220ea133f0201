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

// render returns the report in Markdown.
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
	p("filled and clocks set wrong. One checker records what each response acknowledged, and compares every")
	p("later response with it. At the end it reads every session, requests every ID that has ended, lists the")
	p("store, reads the records directly, and counts what each process left open. This page is")
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
	p("- An *operation* is one request of any kind: a third only read; the others set,")
	p("  count, change in place, delete, pop, add and take messages, sign in, renew, invalidate, log out, log")
	p("  out other devices, through plain, slow, streaming and panicking handlers, or use an ended or")
	p("  forged cookie.")
	p("- A change is *acknowledged* if the response was complete and had status 200. It is *unsure* if no")
	p("  response came, or an error page after a save that may have succeeded: then both outcomes are correct, and")
	p("  nothing else is. An *error page* is a 503, because the store failed.")
	p("- *Evicted* are sessions that their store lost, as memcached does when it restarts and `memory`")
	p("  when its process ends. They must be lost completely; anything else is a violation.")
	p("")
	p("| store | changes per second | renewals | logouts | expired | lost to a logout or renewal | stranded | clients hung up | handlers panicked | manual sweeps |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, res := range all {
		stranded := "–"
		if res.Stranded != nil {
			stranded = thousands(*res.Stranded)
		}
		p("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d |", res.Store, thousands(int64(float64(res.Writes)/max(1, res.Took.Seconds()))),
			thousands(res.Renewals), thousands(res.Logouts), thousands(res.Expired), thousands(res.Endings), stranded,
			thousands(res.HungUp), thousands(res.Panics), res.Sweeps)
	}
	p("")
	p("*Stranded* are clients whose session was renewed and that did not get the new cookie: they hung up,")
	p("or the process was killed or stopped before it responded. They have to sign in again.")
	p("")
	p("Some clients have users of their own and do what needs a certain order. The checker then knows")
	p("what every response must be:")
	p("")
	p("| store | late requests | sign-ins sent twice at once | sign-outs under an old ID | `DestroyOwned` against devices that renew in a loop |")
	p("|---|--:|--:|--:|--:|")
	var late, twice, outs, rounds int64
	for _, res := range all {
		p("| %s | %s | %s | %s | %s |", res.Store, thousands(res.Late), thousands(res.DoubleSignIns), thousands(res.OldSignOuts), thousands(res.SignOutRounds))
		late, twice, outs, rounds = late+res.Late, twice+res.DoubleSignIns, outs+res.OldSignOuts, rounds+res.SignOutRounds
	}
	p("| all | %s | %s | %s | %s |", thousands(late), thousands(twice), thousands(outs), thousands(rounds))
	p("")
	p("A *late request* carries the ID from before a sign-in: it reads, changes a value or a setting, takes")
	p("something, or signs in. `DestroyOwned` runs in one process while one to three devices renew their")
	p("sessions in all processes, as fast as they get responses; in half of the rounds with several devices")
	p("it excepts one, which renews its session too and must stay signed in.")
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
	p("take; *redeployed* is an orderly end under load, after which no goroutine and no descriptor may be")
	p("left; a clock is wrong by up to three minutes; `memory`, which has no other way to be down, is switched")
	p("off by a wrapper. The first part of each run has no faults; there, every error is a violation.")
	p("")
	p("## What counts as a violation")
	p("")
	for _, v := range breaches {
		p("- %s", v)
	}
	p("")
	p("`go test ./internal/torture` also runs the checker against stores and servers that are broken in one")
	p("way each: every kind of violation is provoked, and must be found.")
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
	p("## How to run it")
	p("")
	p("On Linux, as root, with memcached, PostgreSQL and MariaDB installed (`./test.sh` installs them):")
	p("")
	p("    go run ./internal/torture")
	p("")
	p("writes this page again. `-stores`, `-time` and `-seed` choose; `-results DIR` keeps each store's result, so that")
	p("the run can be done in parts. The seed determines the requests and the faults; the timing is")
	p("the machine's, so two runs are similar but not identical.")
	p("")
	p("| store | seed | date |")
	p("|---|--:|---|")
	for _, res := range all {
		p("| %s | %d | %s |", res.Store, res.Seed, res.Date.Format("2006-01-02 15:04"))
	}
	return b.String()
}

// thousands formats n with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
