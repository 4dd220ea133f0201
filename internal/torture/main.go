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
		beServer(encoded)
	}
	quickTemp()
	err := command()
	servers.StopAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// beServer makes this process a server process.
func beServer(encoded string) {
	if err := serve(encoded); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// long is the plan of the report: for each store.
func long() plan {
	return plan{
		Calm: 15 * time.Second, Storm: 130 * time.Second,
		Workers: 48, Sessions: 3000, StoreTimeout: 2 * time.Second, Outlast: true,
		ProcessFaults: 1500 * time.Millisecond, BackendFaults: 2500 * time.Millisecond,
	}
}

func command() error {
	p := long()
	flag.Uint64Var(&p.Seed, "seed", 1, "decides what clients ask, and which faults strike")
	flag.DurationVar(&p.Storm, "time", p.Storm, "how long faults strike, for each store")
	flag.DurationVar(&p.Calm, "calm", p.Calm, "how long there are none at first")
	flag.IntVar(&p.Workers, "workers", p.Workers, "requests at a time")
	flag.IntVar(&p.Sessions, "sessions", p.Sessions, "sessions alive at a time")
	flag.StringVar(&p.Faults, "faults", "", "only faults whose names match this regular expression")
	names := flag.String("stores", "all", "names of stores, separated by commas; none only writes the report of what is in -results")
	results := flag.String("results", "", "a directory to keep results in, of which the report is made")
	report := flag.String("report", "docs/torture.md", "the report")
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

// choose returns the stores of the names.
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

// runOne tortures a store and keeps the result.
func runOne(st *store, p plan, results string) error {
	fmt.Printf("%s: seed %d\n", st.name, p.Seed)
	res, err := torture(st, p)
	if absent(err) && os.Getenv("SESSIONS_TEST_REQUIRE") != "1" {
		fmt.Println("skipped:", err)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println(res)
	return res.write(results)
}

// writeReport makes the report of all results. It fails if there was a
// violation.
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
