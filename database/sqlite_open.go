package database

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

var (
	sqliteMu sync.RWMutex
	sqliteBy sqldriver.Driver // registered, or nil
)

// RegisterSQLite makes stores that are opened by URL use d for SQLite, in place of
// the C library that a program built with cgo has. Package puresqlite calls it from
// init; programs import that package. RegisterSQLite panics if d is nil, and if it
// is called twice.
//
// d opens the names ":memory:" and "file:PATH?mode=rw", where PATH is escaped as
// in a URI (https://www.sqlite.org/uri.html). Its connections implement
// driver.ExecerContext, and its errors have a method Code() int that returns SQLite's
// result code.
func RegisterSQLite(d sqldriver.Driver) {
	sqliteMu.Lock()
	defer sqliteMu.Unlock()
	if d == nil {
		panic("database: RegisterSQLite: the driver is nil")
	}
	if sqliteBy != nil {
		panic("database: RegisterSQLite called twice")
	}
	sqliteBy = d
}

// sqliteDriver returns the driver for SQLite, or nil if the program has none.
func sqliteDriver() sqldriver.Driver {
	sqliteMu.RLock()
	defer sqliteMu.RUnlock()
	if sqliteBy != nil {
		return sqliteBy
	}
	return cgoSQLite
}

// openSQLite returns a pool for a file or for a database in memory.
func (t *target) openSQLite(dataDir string) (*pool, error) {
	d := sqliteDriver()
	if d == nil {
		return nil, errors.New("without cgo, SQLite needs one more import: " +
			`add  _ "github.com/pump-go/sessions/database/puresqlite"  (go get github.com/pump-go/sessions/database/puresqlite), ` +
			"or build the program with CGO_ENABLED=1 and a C compiler such as gcc")
	}
	c := &sqliteConnector{driver: d, synchronous: t.synchronous, mustExist: t.NeverCreate}
	size := t.Pool
	if t.file == ":memory:" {
		size = 1 // each connection would have its own database
	} else {
		c.path = t.file
		if dataDir != "" && !filepath.IsAbs(c.path) {
			c.path = filepath.Join(dataDir, c.path)
		}
		if err := c.checkPath(); err != nil {
			return nil, err
		}
	}
	p := openPool(c, SQLite, size)
	p.writerSem = make(chan struct{}, 1)
	if c.path == "" {
		p.inMemory = true
		p.SetConnMaxIdleTime(0)
		p.SetConnMaxLifetime(0)
	} else {
		p.checkpointer = new(checkpointer)
	}
	return p, nil
}

// sqliteConnector connects to the file at path, or to memory.
type sqliteConnector struct {
	driver            sqldriver.Driver
	path, synchronous string
	mustExist         bool // the file is not created
}

// checkPath creates the directory, and returns an error if the file cannot be
// used: something else has its name, or other users could replace it. The
// directory is not created for a program that creates no tables either.
func (c *sqliteConnector) checkPath() error {
	if c.mustExist {
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

func (c *sqliteConnector) Driver() sqldriver.Driver { return c.driver }

// uriPath escapes a path for SQLite's URIs. A path that begins with two slashes
// gets an empty authority in front, or it would be taken for one.
func uriPath(path string) string {
	path = escape.Replace(filepath.ToSlash(path))
	if strings.HasPrefix(path, "//") {
		return "//" + path
	}
	return path
}

var escape = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// Connect implements driver.Connector. It creates the file if it does not exist.
// SQLite's busy handler is off, because it would sleep past the end of a context:
// store.run waits instead.
func (c *sqliteConnector) Connect(ctx context.Context) (sqldriver.Conn, error) {
	if c.path == "" {
		return c.driver.Open(":memory:")
	}
	if _, err := os.Lstat(c.path); errors.Is(err, os.ErrNotExist) {
		if c.mustExist {
			return nil, fmt.Errorf("%w: there is no file %s", ErrNoTables, c.path)
		}
		if err := createPrivate(c.path); err != nil {
			return nil, err
		}
	}
	conn, err := c.driver.Open("file:" + uriPath(c.path) + "?mode=rw")
	if err != nil {
		return nil, err
	}
	// Statements, because each driver has its own parameters for them. It may be
	// busy while another connection turns the log on; see store.run.
	for _, pragma := range []string{"busy_timeout=0", "journal_mode=WAL", "synchronous=" + c.synchronous, autoCheckpoint} {
		if _, err := conn.(sqldriver.ExecerContext).ExecContext(ctx, "PRAGMA "+pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// createPrivate creates an empty file with mode 0600 if none exists; SQLite gives the
// files beside it the same mode. The file is closed before it gets its name: closing
// a file releases every lock of the process on it, including those of other SQLite
// connections.
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
