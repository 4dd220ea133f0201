package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"time"

	"github.com/pump-go/sessions"
)

//go:embed templates/*.html style.css icon.svg
var files embed.FS

// pages has the templates by name, each in the common layout.
var pages = func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	for _, name := range []string{"shop", "cart", "signin", "devices", "message"} {
		all[name] = template.Must(template.ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
	}
	return all
}()

// Notice is a message for the next page.
type Notice struct {
	Text    string
	Problem bool
}

// page is the data of the layout.
type page struct {
	Title   string
	Path    string
	Status  int
	Store   string
	User    string
	InCart  int
	Notices []Notice
	Session bool // the session could be read
	Body    any
}

// render sends a page for this session.
func (a *app) render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) {
	s := sessions.FromContext(r.Context())
	noticeEnded(r, s)
	l, _ := signIn.Get(s)
	c, _ := cart.Get(s)
	write(w, name, page{
		Title:   title,
		Path:    r.URL.Path,
		Status:  status,
		Store:   a.store,
		User:    l.Name,
		InCart:  c.count(),
		Notices: notices.Take(s),
		Session: true,
		Body:    body,
	})
}

// write renders the whole page before it sends any of it, so that none is truncated.
// The session is committed before the first byte.
func write(w http.ResponseWriter, name string, p page) {
	var b bytes.Buffer
	if err := pages[name].ExecuteTemplate(&b, "layout", p); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // a mistake in the template
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = w.Write(b.Bytes())
}

// asset sends the style sheet or the icon, which the browser may cache and
// revalidate.
func asset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	data, err := files.ReadFile(name)
	if err != nil {
		notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Etag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}
