package main

import (
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

func TestEveryCommandAndFlagIsInTheHelp(t *testing.T) {
	overview := env{}.run(t, "help").expect(t, exitDone, exitHelp)
	doc, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range commands() {
		t.Run(cmd.name, func(t *testing.T) {
			if !strings.Contains(overview.out, cmd.brief) || !strings.Contains(string(doc), "sessions "+cmd.name) {
				t.Error("not in the overview, or not in the package's documentation")
			}
			help := env{}.run(t, "help", cmd.name).expect(t, exitDone, "Usage: sessions "+cmd.name, cmd.help)
			for _, same := range []string{"-h", "-help", "--help"} {
				if got := (env{}).run(t, cmd.name, same).expect(t, exitDone); got != help {
					t.Errorf("%s: different help", same)
				}
			}
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			cmd.setup(fs)
			fs.VisitAll(func(f *flag.Flag) {
				if f.Usage == "" || !strings.Contains(help.out, "\n  -"+f.Name) {
					t.Errorf("-%s is not explained", f.Name)
				}
				if s, ok := f.Value.(*setting); ok && !strings.Contains(help.out, "$"+s.variable) {
					t.Errorf("the variable of -%s is not named", f.Name)
				}
			})
			for _, name := range regexp.MustCompile(`(?m)[ (]-([a-z][a-z-]*)`).FindAllStringSubmatch(cmd.help, -1) {
				// "jq -s" and the like are other programs' flags.
				if len(name[1]) > 1 && fs.Lookup(name[1]) == nil && !elsewhere(name[1]) {
					t.Errorf("the help names -%s, which does not exist", name[1])
				}
			}
			if n := slices.MaxFunc(strings.Split(cmd.help, "\n"), func(a, b string) int { return len([]rune(a)) - len([]rune(b)) }); len([]rune(n)) > 90 {
				t.Errorf("too long for a terminal: %q", n)
			}
			if cmd != versioning && !strings.Contains(cmd.help, "Examples:\n\n  ") {
				if cmd != copying {
					t.Error("no examples")
				}
			}
		})
	}
}

// elsewhere reports whether another command has the flag, since examples pipe one
// command into another.
func elsewhere(name string) bool {
	for _, cmd := range commands() {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		cmd.setup(fs)
		if fs.Lookup(name) != nil {
			return true
		}
	}
	return name == "to-" // "the flags that begin with"
}

func TestHelpAndVersionAliases(t *testing.T) {
	overview, version := env{}.run(t, "help"), env{}.run(t, "version")
	for word, want := range map[string]result{"help help": overview, "--help": overview, "--version": version, "-version": version} {
		if got := (env{}).run(t, strings.Fields(word)...).expect(t, exitDone); got != want {
			t.Errorf("%s: different output", word)
		}
	}
}

// full is a Writer that fails, like a full disk or a closed pipe.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestHelpWriteError(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"help", "list"}, {"list", "-h"}} {
		c := quiet(nil)
		c.out = full{}
		if code := run(t.Context(), args, c); code != exitFailed {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

func TestExitCodesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(exitHelp) {
		if line = strings.TrimSpace(line); !strings.Contains(string(doc), line) {
			t.Errorf("not in the package's documentation: %s", line)
		}
	}
}

func TestHelpNamesTheStores(t *testing.T) {
	help := env{}.run(t, "help", "list").out
	version := env{}.run(t, "version").expect(t, exitDone, "sessions ", "go1").out
	for _, name := range sessions.Drivers() {
		if !strings.Contains(version, name) {
			t.Errorf("version does not name %s", name)
		}
		if strings.Contains(help, name+",") != (inaccessible[name] == "") && name != "redis" { // the last
			t.Errorf("%s and the help of -store", name)
		}
	}
	env{}.run(t, "help", "check").expect(t, exitDone, "name of the store: "+strings.Join(sessions.Drivers(), ", "))
	env{}.run(t).expect(t, exitUsage, "Usage:", "list")
}
