package database

import (
	"errors"

	"github.com/lib/pq"
)

var postgresDialect = dialect{
	quote: `"`,
	ddl: func(n names) []string {
		return []string{
			// IF NOT EXISTS alone fails if two sessions create the table at once.
			`SELECT pg_advisory_xact_lock(8101239460417293042)`,
			n.sql(`CREATE TABLE IF NOT EXISTS {table} (
  namespace text COLLATE "C" NOT NULL,
  id        bytea  NOT NULL,
  version   bigint NOT NULL,
  created   bigint NOT NULL,
  accessed  bigint NOT NULL,
  expires   bigint NOT NULL,
  owner     bytea  NOT NULL,
  data      bytea  NOT NULL,
  PRIMARY KEY (namespace, id)
) WITH (fillfactor = 75)`),
			n.sql(`CREATE INDEX IF NOT EXISTS {expires} ON {table} (namespace, expires)`),
			n.sql(`CREATE INDEX IF NOT EXISTS {owner} ON {table} (namespace, owner, id) WHERE owner <> ''`),
			n.sql(`CREATE TABLE IF NOT EXISTS {schema} (version integer NOT NULL PRIMARY KEY)`),
			n.sql(`INSERT INTO {schema} (version) VALUES (1) ON CONFLICT DO NOTHING`),
		}
	},
	create: insert + ` ON CONFLICT (namespace, id) DO UPDATE SET
  version = excluded.version, created = excluded.created, accessed = excluded.accessed,
  expires = excluded.expires, owner = excluded.owner, data = excluded.data
WHERE {table}.expires <= ?`,
	// If a live record has the new ID, version becomes null, which the table does not
	// allow: the statement fails, and with it the update.
	renew: `WITH renewed AS (
  UPDATE {table} SET version = $5, created = $6, accessed = $7, expires = $8, owner = $9, data = $10
  WHERE namespace = $1 AND id = $2 AND version = $3 AND expires > $4 RETURNING 1)
INSERT INTO {table} (namespace, id, version, created, accessed, expires, owner, data)
SELECT $1, $11::bytea, $12::bigint, $13::bigint, $14::bigint, $15::bigint, $16::bytea, $17::bytea FROM renewed
ON CONFLICT (namespace, id) DO UPDATE SET
  version = CASE WHEN {table}.expires <= $4 THEN excluded.version END, created = excluded.created, accessed = excluded.accessed,
  expires = excluded.expires, owner = excluded.owner, data = excluded.data`,
	// An array, because a subquery may run again for each row. Rows that another
	// node has locked are skipped: it is removing them.
	sweep: `DELETE FROM {table} WHERE namespace = $1 AND expires <= $2 AND id = ANY (ARRAY(
  SELECT id FROM {table} WHERE namespace = $1 AND expires <= $2 ORDER BY expires LIMIT $3 FOR UPDATE SKIP LOCKED))`,
	ownerIndex: ` AND owner <> ''`,
	classify:   classifyPostgres,
}

// classifyPostgres classifies errors by the class of their SQLSTATE. After an ERROR,
// the statement was rolled back. Connection errors (08), shutdowns (57P),
// internal errors (XX) and 40003 are unknown, and so is a full disk that made the
// server end the connection, possibly during a commit.
func classifyPostgres(err error) errorClass {
	var coded interface{ SQLState() string } // lib/pq's and pgx's errors have it
	if !errors.As(err, &coded) {
		return unknown
	}
	state := coded.SQLState()
	if len(state) != 5 {
		return unknown
	}
	switch state {
	case "40001", "40P01", "23505": // serialization, deadlock; a table's creation at the same time
		return busy
	case "23502": // not_null_violation, on purpose: see renew
		return duplicate
	case "54000": // program_limit_exceeded
		return tooLarge
	case "42P01": // undefined_table
		return noTable
	case "25006": // read_only_sql_transaction
		return readOnly
	case "40003": // statement_completion_unknown
		return unknown
	case "53300", "57P03": // too_many_connections, cannot_connect_now: while connecting
		return refused
	case "53000", "53100", "53200", "57014": // resources, disk full, out of memory, canceled
		if e := pq.As(err); e != nil && e.Severity == "ERROR" {
			return refused
		}
		return unknown
	}
	switch state[:2] {
	case "0A", "09", "21", "22", "23", "25", "26", "27", "28", "38", "39", "3D", "3F", "40", "42", "44", "53", "54", "55", "P0":
		return refused // 09, 27, 38, 39 and P0 are of triggers
	}
	return unknown
}
