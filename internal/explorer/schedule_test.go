package explorer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// all performs every run of the scenario, until visit returns false. It returns
// their number.
func (sc scenario) all(visit func(*run) bool) (runs int) {
	st := prepare(sc)
	var prefix []int
	var before []choice // of the last run
	for {
		r := st.perform(func(step int, of []option) int {
			if step < len(prefix) {
				return prefix[step]
			}
			return 0
		})
		runs++
		for i := range prefix[:max(0, len(prefix)-1)] {
			if i >= len(r.path) || r.path[i] != before[i] {
				panic("explorer: a schedule does not determine its run: " + r.code())
			}
		}
		before = r.path
		if !visit(r) {
			return runs
		}
		// The next schedule: the last choice that has another option takes it.
		last := len(r.path) - 1
		for ; last >= 0 && r.path[last].chosen+1 == r.path[last].options; last-- {
		}
		if last < 0 {
			return runs
		}
		prefix = prefix[:0]
		for _, c := range r.path[:last] {
			prefix = append(prefix, c.chosen)
		}
		prefix = append(prefix, r.path[last].chosen+1)
	}
}

// code is the run's schedule in one word: the scenario, then two characters for
// each choice, the request's index and the outcome.
func (r *run) code() string {
	var b strings.Builder
	b.WriteString(r.scenario.String())
	b.WriteByte(':')
	for _, c := range r.trace {
		fmt.Fprintf(&b, "%d%c", c.request, c.outcome)
	}
	return b.String()
}

// renewerSuffix marks a scenario whose store is a driver.Renewer.
const renewerSuffix = "-renewer"

func (sc scenario) String() string {
	names := make([]string, len(sc.ops))
	for i, op := range sc.ops {
		names[i] = op.name
	}
	where := "one"
	if sc.apart {
		where = "apart"
	}
	if sc.renewer {
		where += renewerSuffix
	}
	return where + ":" + strings.Join(names, "+")
}

// operationsOf returns the operations of names such as "set+renew", or nil.
func operationsOf(names string) (ops []operation) {
	for name := range strings.SplitSeq(names, "+") {
		i := slices.IndexFunc(operations, func(op operation) bool { return op.name == name })
		if i < 0 || len(ops) == len(marks) {
			return nil
		}
		ops = append(ops, operations[i])
	}
	return ops
}

// replay performs the run of a code, with the store that wrap makes of it, if not
// nil.
func replay(code string, wrap func(driver.Store) driver.Store) (*run, error) {
	parts := strings.Split(code, ":")
	where, renewer := strings.CutSuffix(parts[0], renewerSuffix)
	if len(parts) != 3 || where != "one" && where != "apart" {
		return nil, fmt.Errorf("schedule %q is not one|apart[%s]:REQUEST+REQUEST:CHOICES", code, renewerSuffix)
	}
	sc := scenario{apart: where == "apart", renewer: renewer, wrap: wrap}
	if sc.ops = operationsOf(parts[1]); sc.ops == nil {
		return nil, fmt.Errorf("schedule %q names an unknown operation", code)
	}
	var err error
	choices := parts[2]
	r := prepare(sc).perform(func(step int, of []option) int {
		if len(choices) < 2*step+2 {
			return 0 // the code ends early
		}
		c := choices[2*step : 2*step+2]
		i := slices.IndexFunc(of, func(o option) bool { return c == fmt.Sprintf("%d%c", o.request.index, o.outcome) })
		if i < 0 {
			err = fmt.Errorf("schedule %q: choice %d, %q, is not possible", code, step+1, c)
			return 0
		}
		return i
	})
	return r, err
}

// words tells the run: each store call in the order in which they took effect, and
// the responses.
func (r *run) words() string {
	var b strings.Builder
	for i, q := range r.requests {
		fmt.Fprintf(&b, "request %d: %s, with ", i, q.op.name)
		if q.token == "" {
			b.WriteString("no cookie\n")
		} else {
			fmt.Fprintf(&b, "ID %s\n", r.letter(keyOf(q.token)))
		}
	}
	left := make([]int, len(r.requests))
	for _, c := range r.trace {
		left[c.request]++
	}
	for n, c := range r.trace {
		fmt.Fprintf(&b, "%3d. request %d: %s", n+1, c.request, c.op)
		if c.key != (driver.Key{}) {
			fmt.Fprintf(&b, " %s", r.letter(c.key))
		}
		switch {
		case c.outcome == lostBefore:
			b.WriteString(": lost before it took effect")
		case c.outcome == delayed:
			b.WriteString(": lost, and takes effect later")
		case c.outcome == takesPlace && c.err == nil:
			b.WriteString(": takes effect now")
		case c.outcome == lostAfter && c.err == nil:
			b.WriteString(": took effect, but the answer is lost")
		case c.outcome == lostAfter:
			fmt.Fprintf(&b, ": %v, but the answer is lost", c.err)
		case c.err != nil:
			fmt.Fprintf(&b, ": %v", c.err)
		case c.found == forward:
			b.WriteString(": a forward")
		default:
			b.WriteString(": done")
		}
		b.WriteByte('\n')
		if left[c.request]--; left[c.request] == 0 {
			r.requests[c.request].describe(&b, r)
		}
	}
	return b.String()
}

// describe tells the request's response.
func (q *request) describe(b *strings.Builder, r *run) {
	fmt.Fprintf(b, "     request %d is answered %d", q.index, q.recorder.Code)
	switch {
	case q.cookie == nil:
		b.WriteString(", without a cookie\n")
	case q.deletes():
		b.WriteString(", and its cookie deleted\n")
	default:
		fmt.Fprintf(b, ", with the cookie of ID %s\n", r.letter(keyOf(q.issued())))
	}
}

// letter names an ID, in the order in which they were made.
func (r *run) letter(key driver.Key) string {
	i := slices.IndexFunc(r.ids, func(i *id) bool { return i.key == key })
	if i < 0 {
		return "?"
	}
	return string(rune('A' + i))
}
