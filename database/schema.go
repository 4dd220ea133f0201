package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// schemaVersion is the version of the tables that this package creates.
const schemaVersion = 1

// ErrNoTables is returned by calls if the tables, or the SQLite file, do not exist
// and Options.NeverCreate is set.
var ErrNoTables = errors.New("the tables do not exist, and Options.NeverCreate (create=no) is set")

// DDL returns the statements that create the tables, each followed by a semicolon
// and a newline, for databases in which the program may not create tables. Running
// them again is harmless. Of the Options, it uses Table and Schema.
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
		if !strings.HasPrefix(q, "SELECT") { // the lock
			b.WriteString(q + ";\n")
		}
	}
	return b.String(), nil
}

// ensureTables makes sure, before the first use and after the tables were missing,
// that they exist and are of a version that this package knows.
func (s *store) ensureTables(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	if err := acquire(ctx, s.tablesSem); err != nil {
		return err
	}
	defer func() { <-s.tablesSem }()
	if s.ready.Load() {
		return nil
	}
	err := s.run(ctx, 0, s.checkTables)
	if err != nil && s.dialect.classify(err) == noTable {
		if s.opts.NeverCreate {
			return fmt.Errorf("%w (database.DDL returns the statements that create them): %w", ErrNoTables, err)
		}
		if err = s.run(ctx, 0, s.createTables); err == nil {
			err = s.run(ctx, 0, s.checkTables)
		}
	}
	if err == nil {
		s.ready.Store(true)
	}
	return err
}

// checkTables returns an error if the tables do not exist or are of an unknown version.
func (s *store) checkTables(ctx context.Context) error {
	var version sql.NullInt64
	if err := s.pool.QueryRowContext(ctx, s.names.sql(`SELECT MAX(version) FROM {schema}`)).Scan(&version); err != nil {
		return err
	}
	switch {
	case version.Int64 > schemaVersion:
		return fmt.Errorf("the table is of schema version %d, this program knows %d: %w", version.Int64, schemaVersion, driver.ErrNewerFormat)
	case version.Int64 < schemaVersion: // partly created; migrations will start here
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

// checkForeignTable returns an error if the table exists and belongs to another
// program: scs's table is named sessions too.
func (s *store) checkForeignTable(ctx context.Context) error {
	rows, err := s.pool.QueryContext(ctx, s.names.sql(`SELECT * FROM {table} WHERE 1 = 0`))
	if err != nil {
		if s.dialect.classify(err) == noTable {
			return nil
		}
		return err
	}
	defer rows.Close()
	existing, err := rows.Columns()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(`namespace, id, `+columns, ", ") {
		if !slices.Contains(existing, name) {
			return fmt.Errorf("the table %s belongs to another program (it has no column %s): "+
				"set Options.Table, or table=… in the URL, to another name", s.names.plain, name)
		}
	}
	rows.Next()
	return rows.Err()
}

// createTables runs the statements of the dialect in one transaction. MySQL commits
// each of them, and each can be run again.
func (s *store) createTables(ctx context.Context) error {
	if err := s.checkForeignTable(ctx); err != nil {
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
