package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const output = `goos: linux
BenchmarkRequest/store=memory/work=untouched/lib=pump-2   100   200 ns/op   150 cpu-ns/op   512 B/op   3 allocs/op
BenchmarkRequest/store=memory/work=untouched/lib=scs-2    100   20000 ns/op 13500 cpu-ns/op   512 B/op   245 allocs/op
BenchmarkRequest/store=memory/work=contended/lib=scs-2    100   20000 ns/op 15000 cpu-ns/op   5.047 %kept
BenchmarkRequest/store=sqlite/work=write/lib=pump-2       100   50000 ns/op 15000 cpu-ns/op
BenchmarkRequest/store=sqlite/work=write/lib=scs-2        100   20000 ns/op 15000 cpu-ns/op
BenchmarkRequest/store=memory/work=untouched/lib=pump-2   100   400 ns/op   160 cpu-ns/op   512 B/op   3 allocs/op
BenchmarkRequest/store=memory/work=untouched/lib=scs-2    100   90000 ns/op 12800 cpu-ns/op   512 B/op   245 allocs/op
BenchmarkRequest/store=memory/work=untouched/lib=pump-2   100   100 ns/op   100 cpu-ns/op   512 B/op   3 allocs/op
BenchmarkRequest/store=memory/work=untouched/lib=scs-2    100   90000 ns/op 8200 cpu-ns/op   512 B/op   245 allocs/op
BenchmarkRequest/store=file/work=new/lib=pump-2           100   20000 ns/op
BenchmarkRequest/store=file/work=new/lib=gorilla-2        100   10000 ns/op
BenchmarkRequest/store=redis/work=write/lib=pump-2        100   31000 ns/op
BenchmarkRequest/store=redis/work=write/lib=raw-2         100   20000 ns/op
BenchmarkRequest/store=redis/work=write/lib=raw-cas-2     100   25000 ns/op
BenchmarkRequest/store=redis/work=contended/lib=pump-2    100   50000 ns/op  100.0 %kept
BenchmarkRequest/store=redis/work=contended/lib=scs-2     100   40000 ns/op  3.000 %kept
BenchmarkSmall/store=memory/work=read/lib=pump-2          100   2500 ns/op  2000 cpu-ns/op  2176 B/op  6 allocs/op
BenchmarkSmall/store=memory/work=read/lib=scs-2           100   9000 ns/op  1000 cpu-ns/op  11576 B/op  248 allocs/op
BenchmarkRedis/work=write/callers=16-2                    2     1.6 faster  29000 ns/pump  23000 ns/raw-cas  46000 ns/scs  1.261 x-pump  2 x-scs
BenchmarkTails/store=sqlite/work=capacity/lib=pump-2      1     30000 req/s
BenchmarkTails/store=sqlite/work=capacity/lib=scs-2       1     12500 req/s
BenchmarkTails/store=sqlite/work=tails/lib=bare-2         1     20000000 max-ns  90000 p50-ns  400000 p99-ns  2000000 p99.9-ns  10000 req/s
BenchmarkTails/store=sqlite/work=tails/lib=pump-2         1     41000000 max-ns  160000 p50-ns  1100000 p99-ns  9000000 p99.9-ns  10000 req/s
BenchmarkTails/store=sqlite/work=tails/lib=scs-2          1     43000000 max-ns  700000 p50-ns  1000000 p99-ns  6000000 p99.9-ns  10000 req/s
BenchmarkCores/work=read/lib=pump     100   400 ns/op
BenchmarkCores/work=read/lib=pump-2   100   250 ns/op
PASS
`

func measured(t *testing.T) *measurements {
	t.Helper()
	file := filepath.Join(t.TempDir(), "request.out")
	if err := os.WriteFile(file, []byte(output), 0o600); err != nil {
		t.Fatal(err)
	}
	var m measurements
	if err := m.read(file); err != nil {
		t.Fatal(err)
	}
	if err := m.read(file + ".missing"); err != nil {
		t.Errorf("results of a part that was not run: %v", err)
	}
	return &m
}

func TestMeasurements(t *testing.T) {
	m := measured(t)
	ours, peer := requestName("memory", "untouched", "pump"), requestName("memory", "untouched", "scs")
	if got := m.median(ours, processor); got != 150 {
		t.Errorf("median %v, want 150", got)
	}
	// The median of the ratios 90, 80 and 82, not the ratio of the medians.
	if got := m.ratio(peer, ours, processor); got != 82 {
		t.Errorf("ratio %v, want 82", got)
	}
	if got := gain(m, "Cores/work=read/lib=pump"); got != 1.6 {
		t.Errorf("gain %v, want 1.6", got)
	}
}

func TestTargets(t *testing.T) {
	all := targets(measured(t))
	if g := all[0]; !g.reached || g.got != "82×" {
		t.Errorf("%+v, want a reached target", g)
	}
	if g := all[1]; g.reached || g.got != "–" {
		t.Errorf("%+v: want a target that is not reached, since nothing was measured", g)
	}
	got := targetTable(measured(t))
	const slower = "memory, read in a small program: 0.5× of scs; "
	for _, row := range []string{
		"| untouched: bytes allocated, the header's own included | at most 512 | 512 | yes |",
		"| redis, write: time compared with raw operation | at most 1.30× | 1.55× | **no** |",
		"| redis, write: time compared with raw, compare and swap | at most 1.30× | 1.24× | yes |",
		"| file, new: time compared with gorilla | no more | 2.00× | **no** |",
		"| requests slower than a peer's | none | " + slower + "file, new: 0.5× of gorilla, " + foundWhenDue + "; sqlite, write: 0.4× of scs; redis, contended: 0.8× of scs, which loses changes | **no** |",
		"| the same, without a promise that explains it | none | " + slower + "sqlite, write: 0.4× of scs | **no** |",
	} {
		if !strings.Contains(got, row+"\n") {
			t.Errorf("missing %q in\n%s", row, got)
		}
	}
	for _, row := range []string{"memcached", "postgres"} {
		if strings.Contains(got, row) {
			t.Errorf("%s was not measured", row)
		}
	}
}

func TestTails(t *testing.T) {
	const want = "| database, SQLite | 10,000 | this library | 30,000 | 160 µs | 1.1 ms | 9.0 ms | 41 ms |\n" +
		"|  |  | scs | 12,500 | 700 µs | 1.0 ms | 6.0 ms | 43 ms |\n" +
		"|  |  | no session | – | 90 µs | 400 µs | 2.0 ms | 20 ms |\n"
	m := measured(t)
	if got := tails(m); !strings.HasSuffix(got, "|\n"+want) || strings.Count(got, "\n") != 5 {
		t.Errorf("%s\nwant only %s", got, want)
	}
	// The p99 is 1.1 times as long, which is noise.
	if got := tailTargets(m); len(got) != 1 || got[0].reached || got[0].got != "sqlite, p99.9: 1.5× of scs" {
		t.Errorf("%+v", got)
	}
	if got := tailTargets(new(measurements)); got != nil {
		t.Errorf("not measured: %+v", got)
	}
}

func TestSmallProgram(t *testing.T) {
	const want = "| memory, read | 2.0 µs | 1.0 µs | 0.5× | – | – | – | 2176, 11576 |\n"
	if got := small(measured(t)); !strings.HasSuffix(got, "|\n"+want) || strings.Count(got, "\n") != 3 {
		t.Errorf("%s\nwant only %s", got, want)
	}
}

func TestCallers(t *testing.T) {
	const want = "| write | 16 | 23 µs | 29 µs | 46 µs | 1.26× | 1.6× |\n"
	if got := callers(measured(t)); !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestTableShowsLostChanges(t *testing.T) {
	if got := requests(measured(t)); !strings.Contains(got, "| contended | – | – | – | 15 µs, keeps 5% | –") {
		t.Error(got)
	}
}

func TestWriteReplacesFigures(t *testing.T) {
	*docs = t.TempDir()
	name := filepath.Join(*docs, "performance.md")
	if err := os.WriteFile(name, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time, its own output
		if err := write(measured(t)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(got)
	if !strings.HasPrefix(doc, "before\n"+begin) || !strings.HasSuffix(doc, end+"after\n") || strings.Contains(doc, "old\n") {
		t.Errorf("rewritten: %s", doc)
	}
	svg, err := os.ReadFile(filepath.Join(*docs, plotFile))
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot is not XML: %v", err)
		}
	}
	if marks := strings.Count(string(svg), "<use "); marks != 6+12 { // the legend's, and the figures'
		t.Errorf("%d marks", marks)
	}
}
