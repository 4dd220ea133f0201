// Package page renders the page of the router examples.
package page

import (
	"html/template"
	"strings"
)

var home = template.Must(template.New("home").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sessions</title>
<h1>{{if .User}}Signed in as {{.User}}{{else}}Not signed in{{end}}</h1>
<div role="status">{{range .Messages}}<p>{{.}}</p>{{end}}</div>
<p>This is visit {{.Visits}}.</p>
{{if .User -}}
<form method="post" action="/sign-out"><button>Sign out</button></form>
{{- else -}}
<form method="post" action="/sign-in"><label>Name <input name="name" required autocomplete="username"></label> <button>Sign in</button></form>
{{- end}}
`))

// Home returns the page as HTML.
func Home(user string, visits int, messages []string) string {
	var b strings.Builder
	if err := home.Execute(&b, struct {
		User     string
		Visits   int
		Messages []string
	}{user, visits, messages}); err != nil {
		panic(err) // a mistake in the template
	}
	return b.String()
}
