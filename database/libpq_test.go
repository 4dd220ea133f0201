//go:build unix

package database_test

import (
	"database/sql"
	"net"
	"net/url"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// URLs in the forms of libpq's documentation and of hosted databases, with a real server.
func TestPostgresURLsOfLibpq(t *testing.T) {
	addr := servers.Postgres(t).Addr
	admin, err := sql.Open("postgres", engines[0].dsn(addr))
	must(t, err)
	defer admin.Close()
	var dir string
	must(t, admin.QueryRow("SHOW unix_socket_directories").Scan(&dir))
	_, port, err := net.SplitHostPort(addr)
	must(t, err)
	for _, u := range []string{
		"postgresql://postgres@" + url.PathEscape(dir) + ":" + port + "/postgres?table=",
		"postgresql://postgres@/postgres?host=" + url.QueryEscape(dir) + "&port=" + port + "&table=",
		"postgresql://postgres@127.0.0.1:1," + addr + "/postgres?sslmode=disable&table=",
		"postgresql://postgres@" + addr + "/postgres?sslmode=disable&channel_binding=prefer&gssencmode=disable&table=",
		"postgresql://postgres@" + addr + "/postgres?sslmode=prefer&keepalives=1&keepalives_idle=30&tcp_user_timeout=9000&sslcompression=0&table=",
	} {
		u += fresh()
		if err := openURL(t, u).Save(t.Context(), newKey(), 0, record("x")); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}
