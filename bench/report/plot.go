package main

import (
	"bytes"
	"math"
	"slices"
	"text/template"
)

// plot returns an SVG plot of the times on a logarithmic scale, with a row for each
// store and kind of request, and a mark for each contender.
func plot(m *measurements) ([]byte, error) {
	const left, right, top, rowHeight = 290, 30, 94, 17
	chart := chart{Width: 850}
	span := scaleOf(m)
	x := func(ns float64) float64 {
		at := (math.Log10(ns) - span.low) / (span.high - span.low)
		return math.Round((left+at*(float64(chart.Width)-left-right))*10) / 10
	}
	y := top
	for _, s := range stores {
		libs := slices.Concat([]string{"pump"}, s.raws, s.peers)
		for i, w := range works {
			r := row{Label: w, Y: y}
			if i == 0 {
				r.Store = s.title
			}
			for _, lib := range slices.Backward(libs) { // ours on top
				if ns := m.median(requestName(s.name, w, lib), s.unit); !math.IsNaN(ns) {
					r.Marks = append(r.Marks, mark{Lib: lib, X: x(ns), Y: y})
				}
			}
			if len(r.Marks) == 0 {
				continue
			}
			chart.Rows = append(chart.Rows, r)
			y += rowHeight
		}
		y += rowHeight / 2
	}
	chart.Bottom = y - rowHeight
	chart.Height = y + 20
	for e := math.Ceil(span.low); e <= span.high; e++ {
		chart.Ticks = append(chart.Ticks, tick{x(math.Pow(10, e)), axisLabels[int(e)]})
	}
	at := 21.0
	for _, lib := range []string{"raw", "raw-cas", "pump", "scs", "scs-default", "gorilla"} {
		chart.Legend = append(chart.Legend, legend{mark{lib, at, 46}, called[lib]})
		at += 36 + 6.5*float64(len(called[lib])) // approximate width of the text
	}
	var b bytes.Buffer
	err := drawing.Execute(&b, chart)
	return b.Bytes(), err
}

var axisLabels = map[int]string{1: "10 ns", 2: "100 ns", 3: "1 µs", 4: "10 µs", 5: "100 µs", 6: "1 ms", 7: "10 ms", 8: "100 ms"}

// interval is a range of the scale, in powers of ten of a nanosecond.
type interval struct{ low, high float64 }

func scaleOf(m *measurements) interval {
	span := interval{math.Inf(1), math.Inf(-1)}
	for _, s := range stores {
		for _, w := range works {
			for _, lib := range slices.Concat(s.raws, []string{"pump"}, s.peers) {
				if ns := m.median(requestName(s.name, w, lib), s.unit); !math.IsNaN(ns) {
					span.low, span.high = min(span.low, math.Log10(ns)), max(span.high, math.Log10(ns))
				}
			}
		}
	}
	return interval{math.Floor(span.low), math.Ceil(span.high)}
}

type (
	chart struct {
		Width, Height, Bottom int
		Rows                  []row
		Ticks                 []tick
		Legend                []legend
	}
	row struct {
		Store, Label string
		Y            int
		Marks        []mark
	}
	mark struct {
		Lib string
		X   float64
		Y   int
	}
	tick struct {
		X     float64
		Label string
	}
	legend struct {
		Mark mark
		Text string
	}
)

// Marks differ in shape as well as in colour.
var drawing = template.Must(template.New("").Parse(`{{define "mark"}}<use href="#{{.Lib}}" x="{{.X}}" y="{{.Y}}"/>{{end -}}
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" font-family="sans-serif" font-size="12">
<title>Time of each kind of request, by library, on a logarithmic scale</title>
<style>
text { fill: #24292f } .store { font-weight: bold } .quiet { fill: #57606a } line { stroke: #d0d7de }
.pump { fill: #0a7d33; stroke: #0a7d33 } .scs { fill: #c2410c; stroke: #c2410c } .gorilla { fill: #6d28d9; stroke: #6d28d9 } .raw { fill: none; stroke: #57606a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .quiet { fill: #9198a1 } line { stroke: #3d444d }
.pump { fill: #3fb950; stroke: #3fb950 } .scs { fill: #fb923c; stroke: #fb923c } .gorilla { fill: #a78bfa; stroke: #a78bfa } .raw { stroke: #9198a1 }
}
</style>
<defs>
<path id="raw" class="raw" stroke-width="1.5" d="M0 -5V5"/>
<path id="raw-cas" class="raw" stroke-width="1.5" d="M-3 -5L1 0L-3 5"/>
<circle id="pump" class="pump" r="5"/>
<rect id="scs" class="scs" x="-4.5" y="-4.5" width="9" height="9"/>
<rect id="scs-default" class="scs" x="-4" y="-4" width="8" height="8" fill-opacity="0" stroke-width="1.5"/>
<path id="gorilla" class="gorilla" d="M0 -5.5L5.5 4.5H-5.5Z"/>
</defs>
<text x="16" y="22" class="store" font-size="14">Time of a request: further left is faster, each line is ten times the one before</text>
{{range .Legend}}{{template "mark" .Mark}}<text x="{{.Mark.X}}" y="{{.Mark.Y}}" dx="9" dy="4">{{.Text}}</text>
{{end}}{{range .Ticks}}<line x1="{{.X}}" x2="{{.X}}" y1="78" y2="{{$.Bottom}}"/><text class="quiet" x="{{.X}}" y="72" text-anchor="middle" font-size="11">{{.Label}}</text><text class="quiet" x="{{.X}}" y="{{$.Bottom}}" dy="20" text-anchor="middle" font-size="11">{{.Label}}</text>
{{end}}{{range .Rows}}{{if .Store}}<text class="store" x="16" y="{{.Y}}" dy="4">{{.Store}}</text>{{end}}<text class="quiet" x="276" y="{{.Y}}" dy="4" text-anchor="end">{{.Label}}</text>{{range .Marks}}{{template "mark" .}}{{end}}
{{end}}</svg>
`))
