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
	sweep: `DELETE FROM {table} WHERE namespace = ? AND expires <= ? ORDER BY expires LIMIT ?`,
	fault: func(err error) fault {
		if errors.Is(err, mysql.ErrPktTooLarge) {
			return tooLarge
		}
		var e *mysql.MySQLError
		if !errors.As(err, &e) {
			return other
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
		case 1290, 1836, 1792: // read-only server or transaction
			return readOnly
		}
		return other
	},
}

func (at *place) openMySQL() (*pool, error) {
	cfg := at.mysql
	cfg.ClientFoundRows = true
	cfg.Logger = &mysql.NopLogger{} // the errors that matter are returned
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errURL("MySQL's driver does not understand Options.URL")
	}
	if at.NoPrepare {
		if err := checkCharsets(cfg); err != nil {
			return nil, err
		}
		connector = &charsetConnector{connector}
	}
	return openPool(connector, MySQL, at.Pool), nil
}
