package dbm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/pump-go/sessions/driver"
)

// fileName is the database file in DataDir.
const fileName = "sessions.db"

// locate returns the path of the database file, without symbolic links, and the
// prefix of the paths of its lock files. It creates missing directories.
func locate(cfg driver.Config) (path, lockPrefix string, err error) {
	path, err = readURL(cfg.URL)
	if err != nil {
		return "", "", err
	}
	if path == "" {
		if cfg.DataDir == "" {
			return "", "", errors.New("Options.DataDir is empty, and Options.URL names no file")
		}
		path = filepath.Join(cfg.DataDir, fileName)
	}
	dir, err := driver.MakeDataDir(filepath.Dir(path))
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, filepath.Base(path))
	if cfg.LockDir == "" {
		return path, path, nil
	}
	lockDir, err := driver.MakeDataDir(cfg.LockDir)
	if err != nil {
		return "", "", err
	}
	if lockDir == dir {
		return path, path, nil
	}
	// Several databases with the same name may use one LockDir.
	sum := sha256.Sum256([]byte(path))
	return path, filepath.Join(lockDir, fmt.Sprintf("%s-%x", filepath.Base(path), sum[:6])), nil
}

var errURL = errors.New(`Options.URL must be "dbm:", alone or with the path of a file: dbm:///abs/sessions.db or dbm:rel/sessions.db`)

// readURL returns the path in the URL, or "" if there is none. It does not return
// the errors of url.Parse, because they quote the URL.
func readURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "dbm" || u.Host != "" || u.Fragment != "" || u.User != nil {
		return "", errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errURL
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	if len(names) > 0 {
		return "", fmt.Errorf("Options.URL has the unknown parameter %.40q; dbm has none", slices.Min(names))
	}
	path := u.Path
	if u.Opaque != "" {
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errURL
		}
	}
	if path == "/" || path != "" && path[len(path)-1] == '/' {
		return "", errURL
	}
	if runtime.GOOS == "windows" && len(path) > 2 && path[0] == '/' && path[2] == ':' {
		path = path[1:]
	}
	return filepath.FromSlash(path), nil
}
