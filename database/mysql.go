package database

import (
	"errors"

	"github.com/go-sql-driver/mysql"
)

var mysqlDialect = dialect{
	quote: "`",
	ddl: func(n names) []string {
		return []string{
			n.sql(`CREATE TABLE IF NOT EXISTS {table} (
  namespace VARBINARY(64)  NOT NULL,
  id        BINARY(32)     NOT NULL,
  version   BIGINT         NOT NULL,
  created   BIGINT         NOT NULL,
  accessed  BIGINT         NOT NULL,
  expires   BIGINT         NOT NULL,
  owner     VARBINARY(255) NOT NULL,
  data      LONGBLOB       NOT NULL,
  PRIMARY KEY (namespace, id),
  KEY {expires} (namespace, expires),
  KEY {owner} (namespace, owner)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`),
			n.sql(`CREATE TABLE IF NOT EXISTS {schema} (version INT NOT NULL PRIMARY KEY) ENGINE = InnoDB`),
			n.sql(`INSERT IGNORE INTO {schema} (version) VALUES (1)`),
		}
	},
	sweep:    `DELETE FROM {table} WHERE namespace = ? AND expires <= ? ORDER BY expires LIMIT ?`,
	classify: classifyMySQL,
}

// classifyMySQL classifies errors by number where SQLSTATE is too coarse, and
// otherwise by the class of the SQLSTATE. After an error of these classes, the
// statement was rolled back. Other errors can occur during a commit, and their
// outcome is unknown.
func classifyMySQL(err error) errorClass {
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return tooLarge
	}
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return unknown
	}
	switch e.Number {
	case 1213, 1020: // deadlock, record changed since the snapshot
		return busy
	case 1062: // duplicate key
		return duplicate
	case 1153: // over max_allowed_packet
		return tooLarge
	case 1146: // no such table
		return noTable
	case 1290, 1836, 1792, 1036: // read-only server, transaction or table
		return readOnly
	case 1040, 1129, 1130, 1203, 1226: // too many connections, host blocked or not allowed, limits of the user
		return refused
	case 1021, 1037, 1038, 1041, 1114: // disk or table full, out of memory
		return refused
	case 1364, 1449, 3819: // column without a default, trigger without its definer, check
		return refused
	case 1047, 1099, 1100, 1205, 1223, 1461, 3159: // Galera node not ready, locks, too many prepared statements, TLS required
		return refused
	}
	switch string(e.SQLState[:2]) {
	case "0A", "21", "22", "23", "25", "28", "3D", "40", "42", "45": // feature, data, constraint, transaction, access, database, rollback, syntax or access, a trigger's own
		return refused
	}
	return unknown
}

func (t *target) openMySQL() (*pool, error) {
	cfg := t.mysql
	cfg.ClientFoundRows = true
	cfg.Logger = &mysql.NopLogger{} // errors are returned as well
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errURL("MySQL's driver does not understand Options.URL")
	}
	if t.NoPrepare {
		if err := checkCharsets(cfg); err != nil {
			return nil, err
		}
		connector = &charsetConnector{connector}
	}
	return openPool(connector, MySQL, t.Pool), nil
}
