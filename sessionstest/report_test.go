package sessionstest

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestNewerRecord(t *testing.T) {
	if _, err := driver.ParseRecord(NewerRecord()); !errors.Is(err, driver.ErrNewerFormat) {
		t.Error(err)
	}
}

func TestReportShowsEachFailureOnce(t *testing.T) {
	load := failure{name: "a-case", rule: 1, says: "what has expired is absent.", saw: "Load found it"}
	hint := failure{name: "a-case", says: "Touch moves the times.", saw: "Touch moved the data"}
	failures := []failure{load, hint, load, load}
	for i := range 7 {
		f := hint
		f.saw += " " + strconv.Itoa(i)
		failures = append(failures, f)
	}
	want := []string{
		"Load found it (3 times)\n\trule 1 of package driver: what has expired is absent.",
		"Touch moved the data\nTouch moved the data 0\nTouch moved the data 1\nTouch moved the data 2\nTouch moved the data 3\n" +
			"and 3 more like these\n\tdocumentation of package driver: Touch moves the times.",
	}
	if got := report(failures); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if got := report(nil); got != nil {
		t.Errorf("no failures are reported as %q", got)
	}
}
