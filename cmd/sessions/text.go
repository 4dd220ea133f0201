package main

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Names, owners and values come from clients as much as from programs. On a
// terminal, a control character in them could rewrite what the operator reads.

// word writes a string of any bytes as one word: as it is if that is plain,
// else in Go's quotes. Nothing is "-".
func word(s string) string {
	switch {
	case s == "":
		return "-"
	case s == "-" || s[0] == '"' || strings.ContainsRune(s, ' ') || !plain(s):
		return strconv.Quote(s)
	}
	return s
}

// exact is the string as JSON can hold it: in Go's quotes if it is not UTF-8.
func exact(s string) string {
	if !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}

func plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// safe writes out control characters, but for the ends of lines and tabs.
func safe(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) || r == '\n' || r == '\t' {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
