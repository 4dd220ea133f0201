// Command report runs the benchmarks and rewrites their figures in
// docs/performance.md, and the plot. Run it in the folder bench:
//
//	go run ./report                    # everything: about 35 minutes
//	go run ./report -only request      # one part; keeps the last results of the others
//	go run ./report -only none         # only rewrites the page from the last results
//
// The contenders of a benchmark run one after the other, and the whole set is repeated
// in rounds, so that other load on the machine affects them equally. Ratios are
// computed within a round; a figure is the median of the rounds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// part is a set of benchmarks that can be run separately.
type part struct {
	name, bench string
	args        []string
	rounds      *int
}

var (
	rounds      = flag.Int("rounds", 7, "how often to run the requests")
	scaleRounds = flag.Int("scale-rounds", 3, "how often to run the benchmarks at scale")
	benchtime   = flag.String("benchtime", "100ms", "how long to run each")
	many        = flag.Int("sessions", 1_000_000, "how many sessions the benchmarks at scale keep")
	sizeCount   = flag.Int("size-count", 3, "how often to run each benchmark of growth")
	sizeTime    = flag.String("size-time", "1s", "how long to run each benchmark of growth")
	only        = flag.String("only", "", "run only these parts, separated by commas: request, small, callers, server, tails, cores, scale, size, or none")
	tailTime    = flag.Duration("tail-time", time.Minute, "how long to measure the tails of each library")
	results     = flag.String("results", "results.out", "the folder of the benchmarks' output")
	docs        = flag.String("docs", "../docs", "the folder of performance.md")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal("report: ", err)
	}
}

func run() error {
	once := 1
	parts := []part{
		{"request", "^BenchmarkRequest$", nil, rounds},
		{"small", "^BenchmarkSmall$", []string{"-ballast=0"}, rounds},
		{"callers", "^BenchmarkRedis$", nil, rounds},
		{"server", "^BenchmarkServer$", nil, rounds},
		{"tails", "^BenchmarkTails$", []string{"-tail-time=" + tailTime.String()}, &once},
		{"cores", "^BenchmarkCores$", []string{"-test.cpu=1,2"}, rounds},
		{"scale", "^Benchmark(Held|Sweep)$", nil, scaleRounds},
		// Filled once and measured several times for longer: in a tenth of a second,
		// a run with a million sessions touches most of them for the first time.
		{"size", "^BenchmarkSize$", []string{"-test.count=" + strconv.Itoa(*sizeCount), "-test.benchtime=" + *sizeTime}, &once},
	}
	if err := os.MkdirAll(*results, 0o777); err != nil {
		return err
	}
	if *only != "none" {
		if err := measure(parts); err != nil {
			return err
		}
	}
	var all measurements
	for _, p := range parts {
		if err := all.read(filepath.Join(*results, p.name+".out")); err != nil {
			return err
		}
	}
	return write(&all)
}

// measure builds the benchmarks and runs the parts.
func measure(parts []part) error {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	left := filepath.Join(dir, "left")
	if err := os.Mkdir(left, 0o700); err != nil {
		return err
	}
	program := filepath.Join(dir, "bench.test")
	if err := command("go", "test", "-c", "-o", program, ".").Run(); err != nil {
		return fmt.Errorf("build the benchmarks: %w", err)
	}
	wanted := strings.Split(*only, ",")
	var errs []error // one part does not keep the others from running
	for _, p := range parts {
		if *only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := p.run(program, left); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

// run runs the part. The benchmarks leave their files in the folder left.
func (p part) run(program, left string) error {
	out, err := os.Create(filepath.Join(*results, p.name+".out"))
	if err != nil {
		return err
	}
	defer out.Close()
	for i := range *p.rounds {
		log.Printf("%s, round %d of %d", p.name, i+1, *p.rounds)
		args := append([]string{
			"-test.run=^$", "-test.timeout=1h", "-test.bench=" + p.bench, "-test.benchtime=" + *benchtime,
			"-sessions=" + strconv.Itoa(*many), "-turn=" + strconv.Itoa(i),
			"-left=" + left,
		}, p.args...)
		cmd := command(program, args...)
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w; %s has its output", err, out.Name())
		}
	}
	return out.Close()
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	return cmd
}
