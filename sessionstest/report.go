package sessionstest

import (
	"fmt"
	"strings"
)

// maxShown is the number of different failures that a case reports per rule. A
// store that breaks a rule usually breaks it many times.
const maxShown = 5

// report formats a case's failures by rule: each different failure once, and then
// the rule.
func report(failures []failure) (reports []string) {
	type rule struct {
		number int
		says   string
	}
	var rules []rule
	byRule := map[rule][]failure{}
	for _, f := range failures {
		r := rule{f.rule, f.says}
		if byRule[r] == nil {
			rules = append(rules, r)
		}
		byRule[r] = append(byRule[r], f)
	}
	for _, r := range rules {
		var seen []string
		times := map[string]int{}
		for _, f := range byRule[r] {
			if times[f.saw]++; times[f.saw] == 1 {
				seen = append(seen, f.saw)
			}
		}
		var b strings.Builder
		for i, saw := range seen {
			if i == maxShown {
				fmt.Fprintf(&b, "and %d more like these\n", len(seen)-i)
				break
			}
			b.WriteString(saw)
			if n := times[saw]; n > 1 {
				fmt.Fprintf(&b, " (%d times)", n)
			}
			b.WriteByte('\n')
		}
		last := failure{rule: r.number, says: r.says}
		reports = append(reports, b.String()+last.broke())
	}
	return reports
}
