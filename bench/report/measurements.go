package main

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// measurements has the benchmark results by name, such as
// "Request/store=memory/work=read/lib=pump", and unit, in the order of the rounds.
type measurements struct {
	of    map[string]map[string][]float64
	names []string // in the order of their first appearance
}

// read adds the results in a file. A missing file has none.
func (m *measurements) read(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := benchfmt.NewReader(f, file)
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			m.add(rec)
		case *benchfmt.SyntaxError:
			return rec
		}
	}
	return r.Err()
}

func (m *measurements) add(r *benchfmt.Result) {
	// Keep the number of cores in the name only for BenchmarkCores.
	name, cores := strings.TrimPrefix(string(r.Name), "Benchmark"), "1"
	if i := strings.LastIndexByte(name, '-'); i > 0 && isNumber(name[i+1:]) {
		name, cores = name[:i], name[i+1:]
	}
	if strings.HasPrefix(name, "Cores/") {
		name += "/cores=" + cores
	}
	if m.of == nil {
		m.of = map[string]map[string][]float64{}
	}
	units := m.of[name]
	if units == nil {
		units = map[string][]float64{}
		m.of[name] = units
		m.names = append(m.names, name)
	}
	for _, v := range r.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		units[unit] = append(units[unit], value)
	}
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// all returns the values of all rounds.
func (m *measurements) all(name, unit string) []float64 { return m.of[name][unit] }

// median returns the median of the rounds, or NaN without measurements.
func (m *measurements) median(name, unit string) float64 { return median(m.all(name, unit)) }

// least returns the lowest value, that of the least disturbed round.
func (m *measurements) least(name, unit string) float64 {
	if v := m.all(name, unit); len(v) > 0 {
		return slices.Min(v)
	}
	return math.NaN()
}

// ratio returns the median of the rounds' ratios of two measurements.
func (m *measurements) ratio(a, b, unit string) float64 {
	x, y := m.all(a, unit), m.all(b, unit)
	var ratios []float64
	for i := range min(len(x), len(y)) {
		ratios = append(ratios, x[i]/y[i])
	}
	return median(ratios)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// has reports whether there are measurements with the prefix.
func (m *measurements) has(prefix string) bool {
	return slices.ContainsFunc(m.names, func(n string) bool { return strings.HasPrefix(n, prefix) })
}
