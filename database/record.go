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
// so that a row that was changed by hand, or mixed from two rows, is not taken for
// a record. The checksum leaves out the times that Touch changes.
const (
	format   = 1
	headSize = 1 + 4
)

// MaxData is the maximum length of a record's Data, in bytes. Each of the databases
// accepts it with its default settings.
const MaxData = 4 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of all that Touch does not change.
func checksum(key *driver.Key, rec *driver.Record, data []byte) uint32 {
	var head [len(*key) + 16]byte
	b := append(head[:0], key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Version))
	b = binary.BigEndian.AppendUint64(b, uint64(rec.Created))
	sum := crc32.Update(0, castagnoli, b)
	sum = crc32.Update(sum, castagnoli, []byte(rec.Owner))
	return crc32.Update(sum, castagnoli, data)
}

// encode returns the value of the data column for rec.
func encode(key *driver.Key, rec *driver.Record) []byte {
	b := make([]byte, headSize, headSize+len(rec.Data))
	b[0] = format
	binary.BigEndian.PutUint32(b[1:], checksum(key, rec, rec.Data))
	return append(b, rec.Data...)
}

// row is a row as it is selected.
type row struct {
	id, owner, data                     []byte
	version, created, accessed, expires int64
}

const columns = `version, created, accessed, expires, owner, data`

// fields returns the destinations of the columns, for Scan.
func (r *row) fields() []any {
	return []any{&r.version, &r.created, &r.accessed, &r.expires, &r.owner, &r.data}
}

// record checks the row and returns its record, which shares the row's bytes.
func (r *row) record(key *driver.Key) (driver.Record, error) {
	if len(r.data) > 0 && r.data[0] > format {
		return driver.Record{}, fmt.Errorf("format %d: %w", r.data[0], driver.ErrNewerFormat)
	}
	if len(r.data) < headSize || r.data[0] != format || r.version <= 0 || r.expires == 0 || len(r.owner) > driver.MaxOwner {
		return driver.Record{}, fmt.Errorf("not a record: %w", driver.ErrCorrupt)
	}
	rec := driver.Record{
		Data:     r.data[headSize:],
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
