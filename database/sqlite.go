package database

import (
	"errors"
	"strings"
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
	sweep: `DELETE FROM {table} WHERE rowid IN
  (SELECT rowid FROM {table} WHERE namespace = ? AND expires <= ? ORDER BY expires LIMIT ?)`,
	updatesAll: true,
	ownerIndex: ` AND owner <> x''`,
	fault: func(err error) fault {
		switch code := sqliteCode(err); {
		case code == 5, code == 6: // SQLITE_BUSY, SQLITE_LOCKED
			return busy
		case code == 8: // SQLITE_READONLY
			return readOnly
		case code == 18: // SQLITE_TOOBIG
			return tooLarge
		case code == 1 && strings.Contains(err.Error(), "no such table"):
			return noTable
		}
		return other
	},
}

// sqliteCode is the primary result code: mattn's driver has it in a field,
// others in a method.
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
