// Package docs has only tests, of the project's Markdown pages: Go blocks compile, links
// resolve, and the lists of options, errors and log messages are complete.
//
// # Go blocks
//
// The blocks of a page are compiled together:
//
//   - A block that begins with a package clause is a file, whole. If it imports
//     testing, it is compiled together with the program before it.
//
//   - Any other block that consists of declarations declares them for the
//     blocks of its page, those before it included.
//
//   - Anything else is the body of a function that has ctx, w, r, m, s and a few
//     more (see fragmentParams), and whose imports are added to those that it
//     begins with. It may leave variables unused.
//
//   - A comment of HTML that begins with "go", a line of its own, declares what
//     a page needs to compile and its reader does not need to see:
//
//     <!-- go
//     type Item struct{ Name string }
//     -->
//
// A block of a page in docs whose fence names a file, "go main.go", is not compiled
// here: package walkthrough carries out the page.
//
// A block that is for the eye alone has another language: text.
package docs
