//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pump-go/sessions/internal/servers"
)

func main() {
	if encoded, ok := os.LookupEnv(serverEnv); ok {
		runServer(encoded)
	}
	useMemoryTemp()
	err := command()
	servers.StopAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// runServer runs a server process and exits.
func runServer(encoded string) {
	if err := serve(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// long is the plan for the report, for each store.
func long() plan {
	return plan{
		FaultFree: 15 * time.Second, FaultTime: 130 * time.Second,
		Workers: 48, Sessions: 3000, StoreTimeout: 2 * time.Second, Outlast: true,
		ProcessFaults: 1500 * time.Millisecond, BackendFaults: 2500 * time.Millisecond,
	}
}

func command() error {
	p := long()
	flag.Uint64Var(&p.Seed, "seed", 1, "determines the requests and the faults")
	flag.DurationVar(&p.FaultTime, "time", p.FaultTime, "how long faults are injected, for each store")
	flag.DurationVar(&p.FaultFree, "calm", p.FaultFree, "how long the first part without faults lasts")
	flag.IntVar(&p.Workers, "workers", p.Workers, "concurrent requests")
	flag.IntVar(&p.Sessions, "sessions", p.Sessions, "live sessions")
	flag.StringVar(&p.Faults, "faults", "", "inject only faults whose names match this regular expression")
	names := flag.String("stores", "all", "store names, separated by commas; none only writes the report from -results")
	results := flag.String("results", "", "directory for results, from which the report is made")
	report := flag.String("report", "docs/torture.md", "file to write the report to")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown arguments %q", flag.Args())
	}
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	if *results == "" {
		dir, err := os.MkdirTemp("", "sessions-torture-results-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		*results = dir
	}
	if err := os.MkdirAll(*results, 0o755); err != nil {
		return err
	}
	for _, st := range chosen {
		if err := runOne(st, p, *results); err != nil {
			return err
		}
	}
	return writeReport(*results, *report)
}

// choose returns the named stores.
func choose(names string) (chosen []*store, err error) {
	if names == "none" {
		return nil, nil
	}
	for i := range stores {
		if names == "all" || slices.Contains(strings.Split(names, ","), stores[i].name) {
			chosen = append(chosen, &stores[i])
		}
	}
	if names != "all" && len(chosen) != len(strings.Split(names, ",")) {
		return nil, fmt.Errorf("-stores %s: one of these is no store", names)
	}
	return chosen, nil
}

// runOne runs the plan on a store and stores the result.
func runOne(st *store, p plan, results string) error {
	fmt.Printf("%s: seed %d\n", st.name, p.Seed)
	if st.name == "google" {
		p.StoreTimeout = 5 * time.Second // the emulator is slow
	}
	res, err := torture(st, p)
	if maySkip(err) {
		fmt.Println("skipped:", err)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println(res)
	return res.write(results)
}

// writeReport writes the report of all results. It returns an error if there were
// violations.
func writeReport(results, report string) error {
	all, err := readResults(results)
	if err != nil {
		return err
	}
	if err := os.WriteFile(report, []byte(render(all)), 0o644); err != nil {
		return err
	}
	for _, res := range all {
		if n := res.violations(); n > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %d violations", res.Store, n))
		}
	}
	return err
}
