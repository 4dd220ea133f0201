package database

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Dialect is the SQL dialect of a database.
type Dialect string

const (
	SQLite     Dialect = "sqlite"     // 3.24 and newer
	PostgreSQL Dialect = "postgresql" // 10 and newer
	MySQL      Dialect = "mysql"      // MySQL 5.7 and newer, MariaDB 10.3 and newer
)

// errorClass is what an error of the database means for a write. All classes
// but unknown are certain: the statement changed nothing.
type errorClass int

const (
	unknown   errorClass = iota // the statement may have run
	refused                     // for a reason that only an operator can change
	busy                        // because of other calls: worth trying again
	duplicate                   // the row exists
	tooLarge                    // over a limit of the server
	noTable                     // the table does not exist
	readOnly                    // the server or the connection is read-only
)

// dialect holds the differences between the databases.
type dialect struct {
	quote string
	// ddl returns the statements that create tables and indexes. Each can be run again.
	ddl func(n names) []string
	// create inserts a row or replaces an expired one. It is empty if the database
	// cannot do both in one statement and report which it did; see store.insert.
	create string
	// renew gives a session a new key; see renewer. It is empty if the database cannot do
	// that in one statement.
	renew string
	// sweep removes a limited number of expired rows.
	sweep string
	// rewritesNamedIndexes: an update rewrites the index of every column that it
	// names, changed or not.
	rewritesNamedIndexes bool
	// ownerIndex is the condition that a query needs in order to use the owners' index.
	ownerIndex string
	classify   func(error) errorClass
}

// dialect returns the differences of a database.
func (d Dialect) dialect() (*dialect, error) {
	switch d {
	case SQLite:
		return &sqliteDialect, nil
	case PostgreSQL:
		return &postgresDialect, nil
	case MySQL:
		return &mysqlDialect, nil
	}
	return nil, fmt.Errorf("unknown Dialect %.40q: use SQLite, PostgreSQL or MySQL", string(d))
}

// names are the tables' names, checked and quoted.
type names struct {
	table, schema string // the two tables
	plain         string // the sessions' table, unquoted
	quote         string
}

const maxTable = 48 // leaves room for suffixes in PostgreSQL's 63 bytes

// names checks the names in the options and quotes them.
func (o Options) names(d Dialect, q string) (names, error) {
	table := o.Table
	if table == "" {
		table = "sessions"
	}
	if !isName(table, maxTable) {
		return names{}, fmt.Errorf("Options.Table: at most %d letters (a-z, A-Z), digits and underscores, not beginning with a digit", maxTable)
	}
	prefix := ""
	if o.Schema != "" {
		if d == SQLite {
			return names{}, errors.New("Options.Schema: SQLite has no schemas")
		}
		if !isName(o.Schema, 63) {
			return names{}, errors.New("Options.Schema: at most 63 letters (a-z, A-Z), digits and underscores, not beginning with a digit")
		}
		prefix = q + o.Schema + q + "."
	}
	return names{table: prefix + q + table + q, schema: prefix + q + table + "_schema" + q, plain: table, quote: q}, nil
}

// isName reports whether s is an SQL name that needs no escaping in quotes.
func isName(s string, most int) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return s != "" && len(s) <= most
}

// index returns the quoted name of the table's index on a column.
func (n names) index(column string) string { return n.quote + n.plain + "_" + column + n.quote }

// sql replaces {table}, {schema}, {expires} and {owner} in a statement by the names.
func (n names) sql(s string) string {
	return strings.NewReplacer("{table}", n.table, "{schema}", n.schema,
		"{expires}", n.index("expires"), "{owner}", n.index("owner")).Replace(s)
}

// numberPlaceholders replaces question marks by PostgreSQL's $1, $2 and so on.
func numberPlaceholders(s string) string {
	var b strings.Builder
	n := 0
	for _, c := range []byte(s) {
		if c != '?' {
			b.WriteByte(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}
