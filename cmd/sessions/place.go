package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// path is where on this machine's disk the sessions are: the file, or the
// directory of their files. It is empty if they are elsewhere, and where the
// URL is at fault, which the store will say better.
func (t *target) path() string {
	dir, at := t.dataDir.value, t.url.value
	switch t.kind() {
	case "file":
		if p := urlPath("file", at); p != "" {
			dir = p
		}
		if dir == "" {
			return ""
		}
		if ns := t.namespace.value; ns != "" {
			dir = filepath.Join(dir, "ns."+ns+".d")
		}
		return filepath.Join(dir, "records")
	case "dbm":
		if p := urlPath("dbm", at); p != "" || dir == "" {
			return p
		}
		return filepath.Join(dir, "sessions.db")
	case "database":
		scheme, rest, _ := strings.Cut(at, ":///")
		if scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+"); scheme != "sqlite" && scheme != "sqlite3" {
			return ""
		}
		rest, _, _ = strings.Cut(rest, "?")
		p, err := url.PathUnescape(rest)
		if err != nil || p == "" || p == ":memory:" {
			return ""
		}
		if dir != "" && !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		return p
	}
	return ""
}

// urlPath is the path in a URL such as file:///dir or file:dir.
func urlPath(scheme, s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != scheme {
		return ""
	}
	p := u.Path
	if u.Opaque != "" {
		if p, err = url.PathUnescape(u.Opaque); err != nil {
			return ""
		}
	}
	if runtime.GOOS == "windows" && len(p) > 2 && p[0] == '/' && p[2] == ':' {
		p = p[1:]
	}
	return filepath.FromSlash(p)
}

// there fails if the store should be on this disk and is not: a mistyped path
// is not to become an empty store, nor to pass for one. It also fails if root
// would leave files behind that the program's own user cannot open.
func (t *target) there() error {
	path := t.path()
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(exitNotFound, "there is no store: %s does not exist; is -%sdata-dir, -%surl or -%snamespace right?", path, t.prefix, t.prefix, t.prefix)
	}
	if err != nil {
		return err
	}
	if user := foreign(info); user != "" {
		return fail(exitUsage, "%s belongs to %s, and root would leave files there that %s cannot open; run this as that user, with %s",
			path, user, user, t.sudo(user))
	}
	return nil
}

// near does what there does where a store is still to be made.
func (t *target) near() (missing bool, err error) {
	path := t.path()
	if path == "" {
		return false, nil
	}
	if err := t.there(); codeOf(err) != exitNotFound {
		return false, err
	}
	// The nearest directory that exists tells whose it will be.
	for {
		up := filepath.Dir(path)
		if up == path {
			return true, nil
		}
		path = up
		if info, err := os.Stat(path); err == nil {
			if user := foreign(info); user != "" {
				return true, fail(exitUsage, "%s belongs to %s; make the store as that user, with %s", path, user, t.sudo(user))
			}
			return true, nil
		}
	}
}

// madeAt tells that the store was made, and whose it is.
func madeAt(path string) string {
	if os.Geteuid() == 0 {
		return fmt.Sprintf("%s was not there: it was made, and belongs to root", path)
	}
	return fmt.Sprintf("%s was not there: it was made", path)
}
