package walkthrough

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// good is a page without a fault.
const good = "# Page\n" +
	"```console\n$ mkdir app && cd app\n$ go mod init example.com/app\n```\n\n" +
	"Write this to `main.go`:\n\n" +
	"```go main.go\npackage main\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n)\n\nfunc main() {\n" +
	"\thttp.ListenAndServe(\"127.0.0.1:8080\", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {\n" +
	"\t\tfmt.Fprintln(w, \"hello\")\n\t}))\n}\n```\n\n" +
	"```console\n$ go run .\n$ curl http://127.0.0.1:8080\nhello\n```\n\n" +
	"Change `main.go`:\n\n```diff main.go\n-\t\tfmt.Fprintln(w, \"hello\")\n+\t\tfmt.Fprintln(w, \"goodbye\")\n```\n\n" +
	"```console\n^C\n$ go run .\n$ curl http://127.0.0.1:8080\ngoodbye\n```\n" +
	"# End\n"

// A walk reports the faults of a page. Each runs in a process of its own, since it
// fails the test that it belongs to.
func TestFaults(t *testing.T) {
	if page, child := os.LookupEnv("WALKTHROUGH_PAGE"); child {
		w := Walk{T: t}
		w.Page(page)
		return
	}
	for name, fault := range map[string]struct{ old, new, want string }{
		"none":                      {"", "", ""},
		"another output":            {"\nhello\n```", "\nhallo\n```", "the page shows"},
		"less output":               {"\nhello\n```", "\n```", "the page shows"},
		"a program that is not run": {"^C\n$ go run .\n", "", "the page shows"},
		"a server still runs":       {"^C\n$ go run", "$ go run", "still runs"},
		"not formatted":             {"\t\tfmt.Fprintln(w, \"hello\")\n\t}))", "fmt.Fprintln(w, \"hello\")\n\t}))", "not formatted"},
		"does not compile":          {"+\t\tfmt.Fprintln(w, \"goodbye\")\n```\n\n```console\n^C\n$ go run .\n$ curl http://127.0.0.1:8080\ngoodbye\n```", "+\t\tfmt.Fprintln(x, \"goodbye\")\n```\n", "undefined: x"},
		"changes what is not there": {"-\t\tfmt.Fprintln(w, \"hello\")", "-\t\tfmt.Fprintln(w, \"hallo\")", "0 places"},
		"the file is not named":     {"Write this to `main.go`", "Write this", "does not name main.go"},
		"a command fails":           {"$ go mod init example.com/app", "$ go mod init 'not a path'", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(good, fault.old) != 1 && fault.old != "" {
				t.Fatalf("%d places of the page are %q", strings.Count(good, fault.old), fault.old)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaults$")
			cmd.Env = append(os.Environ(), "WALKTHROUGH_PAGE="+strings.Replace(good, fault.old, fault.new, 1))
			out, err := cmd.CombinedOutput()
			switch {
			case strings.Contains(string(out), "--- SKIP"):
				t.Skipf("%s", out)
			case fault.want == "" && err != nil:
				t.Errorf("a page without a fault: %v\n%s", err, out)
			case fault.want != "" && (err == nil || !strings.Contains(string(out), fault.want)):
				t.Errorf("the walk's report (%v) has no %q:\n%s", err, fault.want, out)
			}
		})
	}
}
