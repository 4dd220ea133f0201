//go:build unix

package database_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
)

// In these character sets, the second byte of a character can be a backslash. After the
// first byte of such a character, a backslash before a quote does not escape the quote.
var unsafeCharsets = map[string]string{"gbk": "\xbf", "big5": "\xbf", "sjis": "\x95", "cp932": "\x95"}

// No value can end its literal, with any character set and sql_mode, on a pool of the
// program whose driver interpolates parameters.
func TestUnpreparedValuesCannotEndLiteral(t *testing.T) {
	addr := servers.MariaDB(t).Addr
	for charset, lead := range unsafeCharsets {
		for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"} {
			t.Run(charset+" "+mode, func(t *testing.T) {
				db, err := sql.Open("mysql", "root@tcp("+addr+")/test?interpolateParams=true&charset="+charset+"&sql_mode=%27"+mode+"%27")
				must(t, err)
				defer db.Close()
				s := open(t, database.New(db, database.MySQL, database.Options{Table: fresh(), NoPrepare: true}), driver.Config{})
				victim, rec := newKey(), record("victim")
				must(t, s.Save(t.Context(), victim, 0, rec))
				for _, attack := range []string{
					lead + "', owner = 'evil' -- ", lead + `\', owner = 'evil' -- `, lead + `", owner = "evil" -- `,
					"', owner = 'evil' -- ", `\', owner = 'evil' -- `, `\`, lead + `\`, "\x00\n\r\x1a?",
				} {
					key, written := newKey(), record("x")
					must(t, s.Save(t.Context(), key, 0, written))
					next := record(attack)
					next.Owner = attack
					if err := s.Save(t.Context(), key, written.Version, next); err != nil {
						t.Errorf("%q: %v", attack, err)
						continue
					}
					got, err := s.Load(t.Context(), key)
					if err != nil || string(got.Data) != attack || got.Owner != attack {
						t.Errorf("%q was read back as %+v, %v", attack, got, err)
					}
				}
				if got, err := s.Load(t.Context(), victim); err != nil || fmt.Sprint(got.Data, got.Owner) != fmt.Sprint(rec.Data, rec.Owner) {
					t.Errorf("another session was changed to %+v, %v", got, err)
				}
			})
		}
	}
}

func TestUnpreparedCharsets(t *testing.T) {
	addr := servers.MariaDB(t).Addr
	params := map[string]bool{
		"": true, "charset=utf8mb4": true, "charset=utf8mb4,utf8": true, "charset=utf8mb4%2Clatin1": true, "charset=UTF8MB4": true,
		"collation=utf8mb4_bin": true, "charset=ujis": true, "charset=utf8mb4&collation=utf8mb4_unicode_ci": true,
		"charset=utf8mb4,gbk": false, "charset=gbk%2Cutf8mb4": false, "charset=GBK": false,
		"collation=gbk_chinese_ci": false, "charset=utf8mb4&collation=big5_bin": false, "charset=gb18030": false, "charset=ucs2": false,
	}
	for charset := range unsafeCharsets {
		params["charset="+charset] = false
	}
	for param, safe := range params {
		for _, prepare := range []bool{true, false} {
			dsnParam := strings.ReplaceAll(param, "%2C", ",")
			for _, url := range []string{"mysql://root@" + addr + "/test?" + param, "root@tcp(" + addr + ")/test?" + dsnParam} {
				s, err := database.FromURL(database.Options{Table: fresh(), NoPrepare: !prepare}).Open(t.Context(), driver.Config{URL: url, SweepInterval: -1}.WithDefaults())
				switch {
				case err != nil && (safe || prepare):
					t.Errorf("%s, prepared %v: %v", url, prepare, err)
				case err == nil && !safe && !prepare:
					t.Errorf("%s was accepted", url)
				case err != nil && !strings.Contains(err.Error(), "character set"):
					t.Errorf("%s: %v", url, err)
				}
				if err != nil {
					continue
				}
				if safe {
					if err := s.Save(t.Context(), newKey(), 0, record("x")); err != nil {
						t.Errorf("%s, prepared %v: %v", url, prepare, err)
					}
				}
				must(t, s.Close())
			}
		}
	}
}

// A server can set a character set for each connection, and a DSN can set the
// variable.
func TestUnpreparedCharsetsSetByServer(t *testing.T) {
	server := servers.OwnMariaDB(t)
	admin, err := sql.Open("mysql", "root@tcp("+server.Addr+")/test")
	must(t, err)
	defer admin.Close()
	unprepared := database.FromURL(database.Options{NoPrepare: true})
	url := userURL(t, engines[1], admin, server.Addr) // init_connect is not for administrators
	save := func(url string) error {
		s := open(t, unprepared, driver.Config{URL: url})
		defer s.Close()
		return s.Save(t.Context(), newKey(), 0, record("x"))
	}
	must(t, save(url))
	for _, q := range []string{"SET NAMES gbk", "SET character_set_client = big5", "SET character_set_connection = sjis"} {
		_, err := admin.Exec("SET GLOBAL init_connect = ?", q)
		must(t, err)
		if err := save(url); err == nil || !strings.Contains(err.Error(), "character set") {
			t.Errorf("after %s: %v", q, err)
		}
	}
	for _, q := range []string{"SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", "SET NAMES latin1", ""} {
		_, err := admin.Exec("SET GLOBAL init_connect = ?", q)
		must(t, err)
		if err := save(url); err != nil {
			t.Errorf("after %q: %v", q, err)
		}
	}
	if err := save("root@tcp(" + server.Addr + ")/test?character_set_client=gbk"); err == nil || !strings.Contains(err.Error(), "character set") {
		t.Errorf("DSN that sets character_set_client: got error %v", err)
	}
}
