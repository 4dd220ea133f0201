package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Names, owners and values may come from clients. On a terminal, control characters in
// them could change what the operator sees.

// word formats a string as one word: as it is if it is printable, otherwise quoted. An
// empty string is "-".
func word(s string) string {
	switch {
	case s == "":
		return "-"
	case s == "-" || s[0] == '"' || strings.ContainsRune(s, ' ') || !plain(s):
		return strconv.Quote(s)
	}
	return s
}

// exact returns a string for JSON, quoted as in Go if it is not UTF-8.
func exact(s string) string {
	if !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}

// printable escapes the unprintable characters in a line of JSON.
func printable(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case strconv.IsPrint(r) || r == '\n':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
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

// safe escapes unprintable characters other than newlines and tabs.
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
