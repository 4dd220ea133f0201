package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/sem"
)

// schemaVersion is the version of the tables that this package makes.
const schemaVersion = 1

// ErrNoTables is what calls fail with where the tables, or the SQLite file, are
// missing and Options.NeverCreate says to leave it so.
var ErrNoTables = errors.New("the tables are missing, and the program is told not to create them")

// DDL returns the statements that make the tables, each ended by a semicolon
// and a newline, for databases where the program itself may not. They may be
// run again without harm. Of the Options, Table and Schema count.
func DDL(d Dialect, o Options) (string, error) {
	dia, err := d.dialect()
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	n, err := o.names(d, dia.quote)
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	var b strings.Builder
	for _, q := range dia.ddl(n) {
		if !strings.HasPrefix(q, "SELECT") { // a lock
			b.WriteString(q + ";\n")
		}
	}
	return b.String(), nil
}

// prepare makes sure, before the first use and after the tables were found
// missing, that they are there and of a version that this package knows.
func (s *store) prepare(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	if err := sem.Acquire(ctx, s.preparing); err != nil {
		return err
	}
	defer func() { <-s.preparing }()
	if s.ready.Load() {
		return nil
	}
	err := s.try(ctx, 0, s.checkTables)
	if err != nil && s.dialect.classify(err) == noTable {
		if s.opts.NeverCreate {
			return fmt.Errorf("%w (database.DDL prints how): %w", ErrNoTables, err)
		}
		if err = s.try(ctx, 0, s.createTables); err == nil {
			err = s.try(ctx, 0, s.checkTables)
		}
	}
	if err == nil {
		s.ready.Store(true)
	}
	return err
}

func (s *store) checkTables(ctx context.Context) error {
	var version sql.NullInt64
	if err := s.pool.QueryRowContext(ctx, s.names.sql(`SELECT MAX(version) FROM {schema}`)).Scan(&version); err != nil {
		return err
	}
	switch {
	case version.Int64 > schemaVersion:
		return fmt.Errorf("the table is of schema version %d, this program knows %d: %w", version.Int64, schemaVersion, driver.ErrNewerFormat)
	case version.Int64 < schemaVersion: // created in part; migrations will start here
		if s.opts.NeverCreate {
			return fmt.Errorf("the table is of schema version %d, this program needs %d", version.Int64, schemaVersion)
		}
		return s.createTables(ctx)
	}
	rows, err := s.pool.QueryContext(ctx, s.names.sql(`SELECT version FROM {table} WHERE 1 = 0`))
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	return rows.Err()
}

// refuseForeign fails if there is a table of the name that is another
// program's: that of scs is called sessions too.
func (s *store) refuseForeign(ctx context.Context) error {
	rows, err := s.pool.QueryContext(ctx, s.names.sql(`SELECT * FROM {table} WHERE 1 = 0`))
	if err != nil {
		if s.dialect.classify(err) == noTable {
			return nil
		}
		return err
	}
	defer rows.Close()
	there, err := rows.Columns()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(`namespace, id, `+columns, ", ") {
		if !slices.Contains(there, name) {
			return fmt.Errorf("there is a table %s that is another program's (it has no column %s): "+
				"give Options.Table another name, or the URL table=…", s.names.plain, name)
		}
	}
	rows.Next()
	return rows.Err()
}

// createTables runs the statements in one transaction, where the database has
// such for tables; elsewhere each of them may be run again.
func (s *store) createTables(ctx context.Context) error {
	if err := s.refuseForeign(ctx); err != nil {
		return err
	}
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range s.dialect.ddl(s.names) {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("creating the tables: %w", err)
		}
	}
	return tx.Commit()
}
