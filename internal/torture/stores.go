//go:build linux

package main

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/file"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/memcached"
	"github.com/pump-go/sessions/memory"
	"github.com/pump-go/sessions/redis"
)

// drivers are the registered drivers, to be wrapped.
var drivers = map[string]driver.Driver{
	"memory":    memory.New(memory.Options{}),
	"file":      file.New(file.Options{}),
	"dbm":       dbm.New(dbm.Options{}),
	"database":  database.FromURL(database.Options{}),
	"memcached": memcached.New(nil, memcached.Options{}),
	"google":    google.New(nil, google.Options{}),
	"redis":     redis.New(nil, redis.Options{}),
}

// store is a store to test.
type store struct {
	name      string
	processes int  // number of processes that share it
	lists     bool // All, Owned and DestroyOwned work
	sweeps    bool // Sweep works
	start     func(l *ledger) (*backend, error)
}

// stores are all stores that keep sessions on the server. To add one, add a line
// here, its package to drivers, and a function that starts its backend;
// serverFaults has the faults of a server.
var stores = []store{
	{"memory", 1, true, true, startMemory},
	{"file", 3, true, true, startFile},
	{"dbm", 3, true, true, startDBM},
	{"sqlite", 3, true, true, startSQLite},
	{"postgres", 3, true, true, startPostgres},
	{"mariadb", 3, true, true, startMariaDB},
	{"redis", 3, true, false, startRedis},
	{"memcached", 3, false, false, startMemcached},
	{"google", 3, true, true, startGoogle},
}

// backend keeps the sessions of one run.
type backend struct {
	setup     setup
	processes []fault   // faults of the server processes
	own       []fault   // faults of the backend
	dataLoss  *dataLoss // nil if it loses no data
	disk      *disk     // nil if it has none
	// raw returns the public IDs of all stored records, including expired ones,
	// when no server process runs. It is nil if that is not possible.
	raw  func() ([]string, error)
	stop func() error
}

func startMemory(l *ledger) (*backend, error) {
	return &backend{
		setup:     setup{Store: "memory"},
		processes: singleProcessFaults,
		dataLoss:  &dataLoss{l: l, locate: func(string) string { return "" }, at: make(map[string]tick)},
		stop:      func() error { return nil },
	}, nil
}

// onDisk returns a backend that keeps files.
func onDisk(setup setup, raw func(dir string) ([]string, error)) (*backend, error) {
	d, err := newDisk()
	if err != nil {
		return nil, err
	}
	setup.DataDir, setup.User = d.data, d.user
	b := &backend{
		setup:     setup,
		processes: append(slices.Clone(processFaults), limitedFiles),
		own:       []fault{readOnly},
		disk:      d,
		raw:       func() ([]string, error) { return raw(d.data) },
		stop:      d.remove,
	}
	if d.mounted {
		b.own = append(b.own, fullDisk)
	}
	return b, nil
}

func startFile(*ledger) (*backend, error) {
	return onDisk(setup{Store: "file"}, func(dir string) (ids []string, err error) {
		paths, err := filepath.Glob(filepath.Join(dir, "ns."+namespace+".d", "records", "*", "*"))
		for _, path := range paths {
			if name := filepath.Base(path); len(name) == 2*len(driver.Key{}) {
				ids = append(ids, name)
			}
		}
		if len(ids) == 0 {
			err = errors.Join(err, errors.New("no records; has the layout changed?"))
		}
		return ids, err
	})
}

func startDBM(*ledger) (*backend, error) {
	return onDisk(setup{Store: "dbm"}, func(dir string) (ids []string, err error) {
		db, err := bbolt.Open(filepath.Join(dir, "sessions.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			return nil, err
		}
		defer db.Close()
		err = db.View(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("sessions/" + namespace + "/records"))
			if b == nil {
				return errors.New("no records; has the layout changed?")
			}
			return b.ForEach(func(k, _ []byte) error {
				ids = append(ids, hex.EncodeToString(k))
				return nil
			})
		})
		return ids, err
	})
}

func startSQLite(*ledger) (*backend, error) {
	if !slices.Contains(sql.Drivers(), "sqlite3") {
		return nil, notInstalled("SQLite (it needs cgo)")
	}
	return onDisk(setup{Store: "database", URL: "sqlite:///sessions.db"}, func(dir string) ([]string, error) {
		return rows("sqlite3", "file:"+filepath.Join(dir, "sessions.db"))
	})
}

func startPostgres(*ledger) (*backend, error) {
	s, err := servers.StartPostgres()
	if err != nil {
		return nil, err
	}
	url := "postgresql://postgres@" + s.Addr + "/postgres?sslmode=disable"
	return inDatabase(s, url, "postgres", url), nil
}

func startMariaDB(*ledger) (*backend, error) {
	s, err := servers.StartMariaDB()
	if err != nil {
		return nil, err
	}
	if err := execute("mysql", "root@tcp("+s.Addr+")/", "CREATE DATABASE IF NOT EXISTS torture"); err != nil {
		return nil, err
	}
	return inDatabase(s, "mariadb://root@"+s.Addr+"/torture", "mysql", "root@tcp("+s.Addr+")/torture"), nil
}

func inDatabase(s *servers.Server, url, sqlDriver, dsn string) *backend {
	return &backend{
		setup:     setup{Store: "database", URL: url},
		processes: processFaults,
		own:       serverFaults(s, false),
		raw:       func() ([]string, error) { return rows(sqlDriver, dsn) },
		stop:      func() error { s.Stop(); return nil },
	}
}

// rows returns the public IDs of a database's sessions.
func rows(sqlDriver, dsn string) (ids []string, err error) {
	db, err := sql.Open(sqlDriver, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	found, err := db.Query("SELECT id FROM sessions")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var id []byte
		if err := found.Scan(&id); err != nil {
			return nil, err
		}
		if len(id) == len(driver.Key{}) {
			id = []byte(hex.EncodeToString(id))
		}
		ids = append(ids, string(id))
	}
	return ids, found.Err()
}

func execute(sqlDriver, dsn, statement string) error {
	db, err := sql.Open(sqlDriver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// startRedis starts a Redis server that confirms a write after it is on disk.
func startRedis(*ledger) (*backend, error) {
	s, err := servers.StartRedis("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	if err != nil {
		return nil, err
	}
	return &backend{
		setup:     setup{Store: "redis", URL: "redis://" + s.Addr},
		processes: processFaults,
		own:       serverFaults(s, false),
		stop:      func() error { s.Stop(); return nil },
	}, nil
}

func startMemcached(l *ledger) (*backend, error) {
	var own []fault
	var addrs []string
	var all []*servers.Server
	for range 2 {
		s, err := servers.StartMemcached()
		if err != nil {
			return nil, err
		}
		all, addrs = append(all, s), append(addrs, s.Addr)
		own = append(own, serverFaults(s, true)...)
	}
	selector, err := memcached.NewSelector(addrs...)
	if err != nil {
		return nil, err
	}
	keeper := func(id string) string {
		addr, err := selector.PickServer(namespace + ":" + id)
		if err != nil {
			panic(err) // cannot fail with two servers
		}
		return addr.String()
	}
	return &backend{
		setup:     setup{Store: "memcached", URL: strings.Join(addrs, ";")},
		processes: processFaults,
		own:       own,
		dataLoss:  &dataLoss{l: l, locate: keeper, at: make(map[string]tick)},
		stop: func() error {
			for _, s := range all {
				s.Stop()
			}
			return nil
		},
	}, nil
}

// startGoogle starts the Datastore emulator, which loses its data when it stops.
func startGoogle(l *ledger) (*backend, error) {
	s, err := servers.StartDatastore()
	if err != nil {
		return nil, err
	}
	return &backend{
		setup:     setup{Store: "google", URL: "google://torture?emulator=" + s.Addr},
		processes: processFaults,
		own:       serverFaults(s, true),
		dataLoss:  &dataLoss{l: l, locate: func(string) string { return s.Addr }, at: make(map[string]tick)},
		stop:      func() error { s.Stop(); return nil },
	}, nil
}

// notInstalled is the error for a store that is not available on this machine.
type notInstalled string

func (n notInstalled) Error() string { return string(n) + " is not installed" }

// maySkip reports whether a store is not available on this machine, and need not be.
func maySkip(err error) bool {
	var n notInstalled
	if errors.As(err, &n) {
		return os.Getenv("SESSIONS_TEST_REQUIRE") != "1"
	}
	return servers.MaySkip(err)
}
