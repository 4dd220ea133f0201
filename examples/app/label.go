package main

import "strings"

// deviceLabel returns a label for a User-Agent header, such as "Firefox on Linux".
// Browsers also name their predecessors, so the order of the checks matters.
func deviceLabel(userAgent string) string {
	browser := firstNamed(userAgent, []naming{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	})
	system := firstNamed(userAgent, []naming{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	})
	switch {
	case browser == "":
		return "an unknown browser"
	case system == "":
		return browser
	default:
		return browser + " on " + system
	}
}

type naming struct{ mark, name string }

func firstNamed(userAgent string, names []naming) string {
	for _, n := range names {
		if strings.Contains(userAgent, n.mark) {
			return n.name
		}
	}
	return ""
}
