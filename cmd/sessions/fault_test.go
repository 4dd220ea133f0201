package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// A record of a newer version is not reported as damaged.
func TestNewerRecordIsNotDamaged(t *testing.T) {
	from, to := envs["file"](t), envs["file"](t)
	a := from.program(t)
	id := a.id(a.visitor("user:1", "v"))
	advance(t, from, id)
	both := from.and(to.destination())
	for _, args := range [][]string{{"list"}, {"show", id}, {"copy"}} {
		r := both.run(t, args...).expect(t, exitIncomplete, id+" is newer than this command", "written by a newer version")
		if contains(r.err, id+" is damaged") {
			t.Errorf("%v reports it as damaged: %s", args, r.err)
		}
	}
	from.call(t, call{asks: true}, "destroy", id).expect(t, exitRefused, id+"  is newer than this command")
	from.run(t, "destroy", "-yes", id).expect(t, exitDone, "1 session destroyed")
}

// advance changes the record to a newer format.
func advance(t *testing.T, at env, id string) {
	t.Helper()
	path := filepath.Join(at["SESSIONS_DATA_DIR"], "records", id[:2], id)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[0]++
	body := b[:len(b)-4]
	binary.BigEndian.PutUint32(b[len(body):], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
