package database

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/pump-go/sessions/driver"
)

// The data column is
//
//	format 1 byte | CRC-32C of the rest, the key, version, created and owner 4 bytes | data
//
// so that a row which was changed by another hand, or mixed from two, does not
// pass for a record. The times that Touch moves are not part of it.
const (
	format   = 1
	dataHead = 1 + 4
)

// MaxData is the longest Data that the store takes, in bytes. It is below what
// each of the databases takes with its settings as installed.
const MaxData = 4 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key *driver.Key, rec *driver.Record, data []byte) uint32 {
	var head [len(*key) + 16]byte
	b := append(head[:0], key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Version))
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Created))
	sum := crc32.Update(0, castagnoli, b)
	sum = crc32.Update(sum, castagnoli, []byte(rec.Owner))
	return crc32.Update(sum, castagnoli, data)
}

// encode is what the data column holds for rec.
func encode(key *driver.Key, rec *driver.Record) []byte {
	b := make([]byte, dataHead, dataHead+len(rec.Data))
	b[0] = format
	binary.BigEndian.PutUint32(b[1:], checksum(key, rec, rec.Data))
	return append(b, rec.Data...)
}

// row is a record as it is selected.
type row struct {
	id, owner, data                     []byte
	version, created, accessed, expires int64
}

const columns = `version, created, accessed, expires, owner, data`

// fields is where the columns go.
func (r *row) fields() []any {
	return []any{&r.version, &r.created, &r.accessed, &r.expires, &r.owner, &r.data}
}

// record checks the row and takes over its bytes.
func (r *row) record(key *driver.Key) (driver.Record, error) {
	if len(r.data) > 0 && r.data[0] > format {
		return driver.Record{}, fmt.Errorf("format %d: %w", r.data[0], driver.ErrNewerFormat)
	}
	if len(r.data) < dataHead || r.data[0] != format || r.version <= 0 || r.expires == 0 || len(r.owner) > driver.MaxOwner {
		return driver.Record{}, fmt.Errorf("no record: %w", driver.ErrCorrupt)
	}
	rec := driver.Record{
		Data:     r.data[dataHead:],
		Owner:    string(r.owner),
		Version:  driver.Version(r.version),
		Created:  driver.Millis(r.created),
		Accessed: driver.Millis(r.accessed),
		Expires:  driver.Millis(r.expires),
	}
	if binary.BigEndian.Uint32(r.data[1:]) != checksum(key, &rec, rec.Data) {
		return driver.Record{}, fmt.Errorf("wrong checksum: %w", driver.ErrCorrupt)
	}
	return rec, nil
}
