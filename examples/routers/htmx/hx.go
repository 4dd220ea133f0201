package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
)

// byHtmx reports whether htmx sent the request.
func byHtmx(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// redirect redirects to another page, for htmx or the browser.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	if byHtmx(r) {
		w.Header().Set("HX-Redirect", to)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// message makes htmx trigger the event "message", whose text the page shows.
func message(w http.ResponseWriter, text string) {
	event, _ := json.Marshal(map[string]any{"message": map[string]string{"target": "body", "text": text}})
	w.Header().Set("HX-Trigger", ascii(event))
}

// ascii escapes non-ASCII characters for a header field.
func ascii(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, half)
		}
	}
	return b.String()
}
