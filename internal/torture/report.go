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
	p("  count, change in place, delete, pop, add and take messages, sign in, renew, invalidate, sign out, sign")
	p("  out other devices, through plain, slow, streaming and panicking handlers, or use an ended or")
	p("  forged cookie.")
	p("- A change is *acknowledged* if the response was complete and had status 200. It is *unsure* if no")
	p("  response came, or an error page after a save that may have succeeded: then both outcomes are correct, and")
	p("  nothing else is. An *error page* is a 503, because the store failed.")
	p("- *Evicted* are sessions that their store lost, as memcached does when it restarts and `memory`")
	p("  when its process ends. They must be lost completely; anything else is a violation.")
	p("")
	p("| store | changes per second | renewals | sign-outs | expired | lost to a sign-out or renewal | stranded | clients hung up | handlers panicked | manual sweeps |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, res := range all {
		p("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d |", res.Store, thousands(int64(float64(res.Writes)/max(1, res.Took.Seconds()))),
			thousands(res.Renewals), thousands(res.SignOuts), thousands(res.Expired), thousands(res.Endings), thousands(res.Stranded),
			thousands(res.HungUp), thousands(res.Panics), res.Sweeps)
	}
	p("")
	p("*Stranded* are clients whose session was renewed and that did not get the new cookie: they hung up,")
	p("or the process was killed or stopped before it responded. They have to sign in again.")
	p("")
	p("## Renewals")
	p("")
	p("A renewal leaves a forward under the old ID. What happens around it:")
	p("")
	p("| store | late requests | double sign-ins | sign-outs under an old ID | `DestroyOwned` against renewals | other `DestroyOwned` | `Owned` | renewals by `RenewAfter` |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|")
	var sum result
	row := func(name string, res *result) {
		p("| %s | %s | %s | %s | %s | %s | %s | %s |", name, thousands(res.Late), thousands(res.DoubleSignIns), thousands(res.OldSignOuts),
			thousands(res.SignOutRounds), thousands(res.OwnerSignOuts), thousands(res.Listings), thousands(res.Rotations))
	}
	for _, res := range all {
		row(res.Store, res)
		sum.Late += res.Late
		sum.DoubleSignIns += res.DoubleSignIns
		sum.OldSignOuts += res.OldSignOuts
		sum.SignOutRounds += res.SignOutRounds
		sum.OwnerSignOuts += res.OwnerSignOuts
		sum.Listings += res.Listings
		sum.Rotations += res.Rotations
	}
	row("all", &sum)
	p("")
	p("- A *late request* carries an ID that was renewed before. It reads, changes a value or a setting, pops,")
	p("  takes messages, signs in, renews, invalidates, or signs out. A change must get 409, and a read an")
	p("  empty session; neither gets a cookie. A sign-in begins a session of its own.")
	p("- A *double sign-in* is sent twice at the same time, or again after the client hung up.")
	p("- *`DestroyOwned` against renewals* runs in one process while up to three devices renew their")
	p("  sessions in all processes, as fast as they get responses. In half of the rounds with several devices it")
	p("  excepts one, which must stay signed in. Afterwards the owner must have no other session.")
	p("- `Owned` must list each live session of an owner, under its present ID only.")
	p("- A quarter of the sessions are also used through a second manager in each process, whose")
	p("  `Options.RenewAfter` has passed at nearly every use.")
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
	p("On Linux, as root, with memcached, Redis, PostgreSQL and MariaDB installed (`./test.sh` installs them):")
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
