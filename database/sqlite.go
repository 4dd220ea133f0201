package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

var sqliteDialect = dialect{
	quote: `"`,
	ddl: func(n names) []string {
		return []string{
			n.sql(`CREATE TABLE IF NOT EXISTS {table} (
  namespace TEXT    NOT NULL,
  id        BLOB    NOT NULL,
  version   INTEGER NOT NULL,
  created   INTEGER NOT NULL,
  accessed  INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  owner     BLOB    NOT NULL,
  data      BLOB    NOT NULL,
  PRIMARY KEY (namespace, id)
)`),
			n.sql(`CREATE INDEX IF NOT EXISTS {expires} ON {table} (namespace, expires)`),
			n.sql(`CREATE INDEX IF NOT EXISTS {owner} ON {table} (namespace, owner, id) WHERE owner <> x''`),
			n.sql(`CREATE TABLE IF NOT EXISTS {schema} (version INTEGER NOT NULL PRIMARY KEY)`),
			n.sql(`INSERT OR IGNORE INTO {schema} (version) VALUES (1)`),
		}
	},
	create: insert + ` ON CONFLICT (namespace, id) DO UPDATE SET
  version = excluded.version, created = excluded.created, accessed = excluded.accessed,
  expires = excluded.expires, owner = excluded.owner, data = excluded.data
WHERE {table}.expires <= ?`,
	// One statement, which needs no transaction. SQLite inserts after it has read what it
	// selects, since that is from the same table.
	renew: `WITH renewable AS (SELECT 1 FROM {table} WHERE namespace = ?1 AND id = ?2 AND version = ?3 AND expires > ?4
  AND NOT EXISTS (SELECT 1 FROM {table} WHERE namespace = ?1 AND id = ?11 AND expires > ?4))
INSERT INTO {table} (namespace, id, version, created, accessed, expires, owner, data)
SELECT ?1, ?2, ?5, ?6, ?7, ?8, ?9, ?10 FROM renewable UNION ALL
SELECT ?1, ?11, ?12, ?13, ?14, ?15, ?16, ?17 FROM renewable WHERE true
ON CONFLICT (namespace, id) DO UPDATE SET
  version = excluded.version, created = excluded.created, accessed = excluded.accessed,
  expires = excluded.expires, owner = excluded.owner, data = excluded.data`,
	sweep: `DELETE FROM {table} WHERE rowid IN
  (SELECT rowid FROM {table} WHERE namespace = ? AND expires <= ? ORDER BY expires LIMIT ?)`,
	rewritesNamedIndexes: true,
	ownerIndex:           ` AND owner <> x''`,
	classify:             classifySQLite,
}

// classifySQLite classifies errors by their primary result code. After an error, a
// statement outside a transaction was rolled back. An I/O error (10) or a lack of
// memory (7) can occur while a commit is written, and is unknown.
func classifySQLite(err error) errorClass {
	switch code := sqliteCode(err); code {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return busy
	case 8: // SQLITE_READONLY
		return readOnly
	case 18: // SQLITE_TOOBIG
		return tooLarge
	case 1: // SQLITE_ERROR: the statement was not accepted
		if strings.Contains(err.Error(), "no such table") {
			return noTable
		}
		return refused
	case 3, 11, 13, 14, 15, 17, 19, 20, 22, 23, 26:
		// SQLITE_PERM, CORRUPT, FULL, CANTOPEN, PROTOCOL, SCHEMA, CONSTRAINT, MISMATCH, NOLFS, AUTH, NOTADB
		return refused
	}
	return unknown
}

// sqliteCode returns the primary result code of an error: a field in mattn's driver,
// a method in others.
func sqliteCode(err error) int {
	if code := mattnCode(err); code != 0 {
		return code
	}
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff
	}
	return 0
}

// checkShared returns an error if the connections of a pool do not share one database,
// as with ":memory:": a session would exist on one connection and not on the next.
// A pool that cannot be checked, because it has no free connection or the file
// cannot be opened, is accepted; calls report the error.
func checkShared(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	first, err := db.Conn(ctx)
	if err != nil {
		return nil
	}
	defer first.Close()
	var seq, name, file sql.NullString
	if err := first.QueryRowContext(ctx, "PRAGMA database_list").Scan(&seq, &name, &file); err != nil || file.String != "" {
		return nil
	}
	if db.Stats().MaxOpenConnections == 1 {
		return checkKept(ctx, db, first)
	}
	second, err := db.Conn(ctx)
	if err != nil {
		return nil
	}
	defer second.Close()
	// An uncommitted table on one connection blocks another connection that shares
	// the database. Both tables are rolled back.
	tx, err := first.BeginTx(ctx, nil)
	if err != nil {
		return nil
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "CREATE TABLE sessions_shared_database (x)"); err != nil {
		return nil
	}
	other, err := second.BeginTx(ctx, nil)
	if err != nil {
		return nil
	}
	defer other.Rollback()
	if _, err := other.ExecContext(ctx, "CREATE TABLE sessions_shared_database (x)"); err != nil {
		return nil
	}
	return errors.New("each connection of this SQLite pool has a database of its own, in memory: " +
		"use a file, or \"file:NAME?mode=memory&cache=shared\", or limit the pool to one connection with SetMaxOpenConns(1)")
}

// checkKept returns an error if a pool closes its only connection, and with it the
// database in memory, after each use.
func checkKept(ctx context.Context, db *sql.DB, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "CREATE TEMP TABLE sessions_kept_connection (x)"); err != nil {
		return nil
	}
	if err := conn.Close(); err != nil {
		return nil
	}
	if _, err := db.ExecContext(ctx, "DROP TABLE temp.sessions_kept_connection"); err != nil && ctx.Err() == nil {
		return errors.New("this SQLite pool closes its only connection, and with it its database in memory, after each use: " +
			"use a file, or SetMaxIdleConns(1) with no limit on a connection's lifetime")
	}
	return nil
}
