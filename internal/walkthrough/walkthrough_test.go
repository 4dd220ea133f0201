package walkthrough

import (
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		out, shown string
		same       bool
	}{
		{"visit 1\n", "visit 1\n", true},
		{"visit 1", "visit 1\n", true},
		{"visit 1\n", "visit 2\n", false},
		{"visit 1\nmore\n", "visit 1\n", false},
		{"visit 1\n", "visit 1\nmore\n", false},
		{"", "", true},
		{"visit 1\n", "", false},
		{"a\nb\nc\nd\n", "a\n…\nd\n", true},
		{"a\nb\nc\nd\n", "a\n…\n", true},
		{"a\nd\n", "a\n…\nd\n", true},
		{"a\nb\nc\nd\n", "a\n…\ne\n", false},
		{"Set-Cookie: s=abc; Path=/\r\n", "Set-Cookie: s=…; Path=/\n", true},
		{"Set-Cookie: s=abc; Path=/x\r\n", "Set-Cookie: s=…; Path=/\n", false},
		{"(a+b)\n", "(a+b)\n", true},
	} {
		if difference := compare(c.out, c.shown); difference == "" != c.same {
			t.Errorf("%q for %q: %q", c.out, c.shown, difference)
		}
	}
}

func TestMissing(t *testing.T) {
	const out = "=== RUN\nfail: 12 of 20\nFAIL\nexit status 1\n"
	for shown, want := range map[string]string{
		"fail: 7 of 9\n…\nexit status 1\n": "",
		"FAIL\nfail: 7 of 9\n":             "fail: 7 of 9",
		"ok\n":                             "ok",
	} {
		if got := missing(out, shown); got != want {
			t.Errorf("%q: %q is missing, not %q", shown, got, want)
		}
	}
}

func TestPatch(t *testing.T) {
	const text = "a\nb\nc\nb2\n\nb\nd\n"
	for diff, want := range map[string]string{
		"-a\n+A\n":            "A\nb\nc\nb2\n\nb\nd\n",
		"-a\n+A\n…\n-d\n+D\n": "A\nb\nc\nb2\n\nb\nD\n",
		"-a\n+A …\n+B\n":      "A …\nB\nb\nc\nb2\n\nb\nd\n",
		" c\n+new\n":          "a\nb\nc\nnew\nb2\n\nb\nd\n",
		"-b2\n\n-b\n d\n":     "a\nb\nc\n\nd\n",
		"-b\n+B\n":            "", // two places
		"-x\n":                "", // none
		"+x\n":                "", // nowhere
		"x\n":                 "", // no mark
	} {
		got, err := patch(text, diff)
		if err == nil != (want != "") || got != want {
			t.Errorf("%q: %q, %v", diff, got, err)
		}
	}
}

const page = "# Page\n" +
	"Write `main.go`,\nas here:\n\n" +
	"```go main.go\npackage main\n```\n\n" +
	"```go\nfragment()\n```\n" +
	"```console\n$ go run .\n$ curl -d \\\n  x y\nout\n\nmore\n^C\n$ cd a\n```\n" +
	"<!-- one -->\n<!-- go main_test.go\npackage main\n-->\n"

func TestBlocks(t *testing.T) {
	b := Blocks(page)
	if len(b) != 5 || b[0].Info[0] != "#" || b[1].Info[1] != "main.go" || b[1].Text != "package main\n" || b[1].Line != 5 ||
		!strings.Contains(b[1].Intro, "`main.go`") || b[2].Intro != "" || len(b[2].Info) != 1 ||
		b[4].Info[1] != "main_test.go" || b[4].Text != "package main\n" || !b[4].Hidden {
		t.Fatalf("%+v", b)
	}
	all, err := steps(b[3])
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, want := range []step{
		{line: 13, command: "go run ."},
		{line: 14, command: "curl -d \\\n  x y", shown: "out\n\nmore\n"},
		{line: 19, interrupt: true},
		{line: 20, command: "cd a"},
	} {
		if all[i] != want {
			t.Errorf("%+v, want %+v", all[i], want)
		}
	}
	if !Carried(page) || Carried("# Page\n```go\nx()\n```\n") {
		t.Error("the pages that are carried out are not recognized")
	}
	if _, err := steps(Block{Text: "no command\n"}); err == nil {
		t.Error("text without a command is no error")
	}
}
