// Package walkthrough carries out the project's pages word for word: in an empty
// directory it writes each file and runs each command in order, and compares what
// the commands print with what the page shows.
//
// # Blocks
//
// The words behind a fence say what a block is. Browsers do not show them, so the
// paragraph before a block with a file must name the file too, in backquotes.
//
//   - "go main.go" is a whole file, formatted by gofmt. Any other language works
//     too.
//
//   - "go main.go changes" has declarations that replace those of the same name
//     in the file. New ones are added at its end.
//
//   - "diff main.go" changes lines of the file. The lines that begin with a space
//     or a minus sign are found in it, exactly once. A line "…" separates places.
//
//   - "console" has commands, each after "$ ", and what they print. Commands run in
//     one shell, one after the other: its directory and variables are kept.
//
// A comment of HTML that begins with the same words, "<!-- go main_test.go", is such
// a block too: what a page's test needs and its reader does not. Other blocks are not
// carried out.
//
// # Commands
//
// What is printed must be what is shown: no more, and no less. A line "…" is any
// number of lines, and "…" within a line any text. There are three exceptions:
//
//   - Commands that prepare (cd, mkdir, rm, export, NAME=value, go mod, go get, go
//     tool) may print more if the page shows nothing.
//
//   - "go test" may print lines that are not shown, and other figures. It runs up
//     to five times, because some failures are of races that do not occur each
//     time.
//
//   - "go run ." starts a server and leaves it running, as in a terminal of its
//     own. What it has printed is compared when it listens. A line "^C" before a
//     later command stops it.
//
// # Steps
//
// A heading ends a step: the files must pass go vet.
package walkthrough
