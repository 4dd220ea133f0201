//go:build cgo

package database

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/pump-go/sessions/driver"
)

func mattnCode(err error) int {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return int(e.Code)
	}
	return 0
}

// openSQLite returns the pool of a file, or of a database in memory.
func (at *place) openSQLite(dataDir string) (*pool, error) {
	c := &sqliteConnector{synchronous: at.synchronous, existing: at.NeverCreate}
	size := at.Pool
	if at.file == ":memory:" {
		size = 1 // each connection would be a database of its own
	} else {
		c.path = at.file
		if dataDir != "" && !filepath.IsAbs(c.path) {
			c.path = filepath.Join(dataDir, c.path)
		}
		if err := c.checkPath(); err != nil {
			return nil, err
		}
	}
	p := openPool(c, SQLite, size)
	p.alone = make(chan struct{}, 1)
	if c.path == "" {
		p.inMemory = true
		p.SetConnMaxIdleTime(0)
		p.SetConnMaxLifetime(0)
	}
	return p, nil
}

// sqliteConnector connects to the file at path, or to memory.
type sqliteConnector struct {
	path, synchronous string
	existing          bool // the file is not to be made
}

// checkPath creates the directory, and returns an error if the file cannot be
// used: something else has its name, or other users could replace it. The
// directory is not created for a program that creates no tables either.
func (c *sqliteConnector) checkPath() error {
	if c.existing {
		if _, err := os.Stat(filepath.Dir(c.path)); errors.Is(err, os.ErrNotExist) {
			return nil // calls fail with ErrNoTables
		}
	}
	path := c.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	for _, dir := range []string{filepath.Dir(c.path), filepath.Dir(path)} {
		if _, err := driver.MakeDataDir(dir); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	return nil
}

func (c *sqliteConnector) Driver() sqldriver.Driver { return &sqlite3.SQLiteDriver{} }

// uriPath makes a path part of a URI, as SQLite reads it. One that begins with
// two slashes has an empty authority put before it, or would name one.
func uriPath(path string) string {
	path = escape.Replace(filepath.ToSlash(path))
	if strings.HasPrefix(path, "//") {
		return "//" + path
	}
	return path
}

var escape = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// Connect makes the file, if there is none. The busy handler is off: it would
// sleep through a context's end, so waiting is done in Go.
func (c *sqliteConnector) Connect(context.Context) (sqldriver.Conn, error) {
	if c.path == "" {
		return c.Driver().Open(":memory:")
	}
	if _, err := os.Lstat(c.path); errors.Is(err, os.ErrNotExist) {
		if c.existing {
			return nil, fmt.Errorf("%w: there is no file %s", ErrNoTables, c.path)
		}
		if err := createPrivate(c.path); err != nil {
			return nil, err
		}
	}
	dsn := "file:" + uriPath(c.path) + "?mode=rw&_busy_timeout=0&_journal_mode=WAL&_synchronous=" + c.synchronous
	return c.Driver().Open(dsn) // busy for a moment where another turns the log on: see store.try
}

// createPrivate makes an empty file for this user alone, if there is none;
// SQLite gives the files beside it the same mode. The file gets its name when
// it is closed: closing a file drops every lock that the process has on it,
// those of another SQLite connection too.
func createPrivate(path string) error {
	dir := filepath.Dir(path)
	if _, err := driver.MakeDataDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".sessions-") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
