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

// measurements are what the benchmarks reported, by name (as in
// "Request/store=memory/work=read/lib=pump") and unit, in the order of the
// rounds.
type measurements struct {
	of    map[string]map[string][]float64
	names []string // in the order of their first appearance
}

// read adds what a file has. A part that was never run has none.
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
	// The number of cores is part of the name only where it is what is measured.
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

// all returns the values of the rounds.
func (m *measurements) all(name, unit string) []float64 { return m.of[name][unit] }

// median is NaN where nothing was measured.
func (m *measurements) median(name, unit string) float64 { return median(m.all(name, unit)) }

// least is the value of the round that was disturbed least.
func (m *measurements) least(name, unit string) float64 {
	if v := m.all(name, unit); len(v) > 0 {
		return slices.Min(v)
	}
	return math.NaN()
}

// ratio is the median of the rounds' ratios of two measurements.
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

// has tells whether anything was measured whose name begins so.
func (m *measurements) has(prefix string) bool {
	return slices.ContainsFunc(m.names, func(n string) bool { return strings.HasPrefix(n, prefix) })
}
