package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// safeCharsets are the character sets in which a byte of a multi-byte character
// is never a quote or a backslash, and a quote or a backslash is never a letter.
var safeCharsets = []string{
	"ascii", "binary", "latin1", "latin2", "latin5", "latin7", "utf8", "utf8mb3", "utf8mb4",
	"cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "koi8r", "koi8u", "greek", "hebrew",
	"eucjpms", "euckr", "gb2312", "ujis",
}

// checkCharsets returns an error if charset or collation names a character set
// that cannot be used without preparing statements. Values are then hexadecimal and
// cannot end their literals (see withLiterals), so this is a second defense: a proxy
// that rewrites statements and escapes quotes would be wrong in these character sets.
func checkCharsets(cfg *mysql.Config) error {
	names := strings.Split(charsetsOf(cfg), ",")
	if cfg.Collation != "" {
		charset, _, _ := strings.Cut(cfg.Collation, "_")
		names = append(names, charset)
	}
	for _, name := range names {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(safeCharsets, name) {
			return fmt.Errorf("prepare=no cannot be used with the character set %.40q in Options.URL; it can with %s",
				name, strings.Join(safeCharsets, ", "))
		}
	}
	return nil
}

// charsetConnector opens connections and checks the character set that each has in
// the end: the server or its init_connect may set another one.
type charsetConnector struct{ driver.Connector }

func (c *charsetConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkConnCharset(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkConnCharset returns an error if the server reads statements in a character
// set that is not safe.
func checkConnCharset(ctx context.Context, conn driver.Conn) error {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return errors.New("MySQL's driver cannot query a new connection")
	}
	rows, err := queryer.QueryContext(ctx, "SELECT @@character_set_client, @@character_set_connection", nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	charsets := make([]driver.Value, 2)
	if err := rows.Next(charsets); err != nil {
		return fmt.Errorf("the connection's character sets are unknown: %w", err)
	}
	for _, v := range charsets {
		name := fmt.Sprintf("%s", v)
		if !slices.Contains(safeCharsets, name) {
			return fmt.Errorf("the server uses the character set %.40q on this connection, which cannot be used with prepare=no", name)
		}
	}
	if err := rows.Next(charsets); err != io.EOF {
		return fmt.Errorf("the connection's character sets are unknown: %w", err)
	}
	return nil
}

// charsetsOf returns the parameter charset of a parsed DSN, which the driver's
// configuration only shows in its own DSN.
func charsetsOf(cfg *mysql.Config) string {
	c := cfg.Clone()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = "", "", "", "", ""
	_, params, _ := strings.Cut(c.FormatDSN(), "?")
	for param := range strings.SplitSeq(params, "&") {
		if charsets, ok := strings.CutPrefix(param, "charset="); ok {
			return charsets
		}
	}
	return ""
}
