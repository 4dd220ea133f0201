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

// path returns the file or directory of the store on this machine. It is empty if the
// store is elsewhere, or if the URL is invalid, which opening the store reports.
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

// urlPath returns the path of a URL like file:///dir or file:dir.
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

// checkExists returns an error if the store's path does not exist, so that a mistyped
// path does not look like an empty store. It also returns an error if root would create
// files that the program's user cannot open.
func (t *target) checkExists() error {
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
		return fail(exitUsage, "%s belongs to %s, and root would create files there that %s cannot open; run this as that user, with %s",
			path, user, user, t.sudo(user))
	}
	return nil
}

// checkOwner is checkExists for a store that may be missing.
func (t *target) checkOwner() (missing bool, err error) {
	path := t.path()
	if path == "" {
		return false, nil
	}
	if err := t.checkExists(); codeOf(err) != exitNotFound {
		return false, err
	}
	// The closest existing directory shows to whom the store will belong.
	for {
		up := filepath.Dir(path)
		if up == path {
			return true, nil
		}
		path = up
		if info, err := os.Stat(path); err == nil {
			if user := foreign(info); user != "" {
				return true, fail(exitUsage, "%s belongs to %s; create the store as that user, with %s", path, user, t.sudo(user))
			}
			return true, nil
		}
	}
}

// createdNote returns the message that the store was created.
func createdNote(path string) string {
	if os.Geteuid() == 0 {
		return fmt.Sprintf("%s did not exist; it was created, and belongs to root", path)
	}
	return fmt.Sprintf("%s did not exist; it was created", path)
}
