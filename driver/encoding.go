package driver

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The encoding of a record as one byte string, for backends that store bytes:
//
//	format 1 byte | version, created, accessed, expires 8 bytes each |
//	owner's length 1 byte | owner | data | CRC-32C of all before it 4 bytes
//
// All numbers are big-endian. Every future format keeps its first byte and its
// last four, so that a newer format can be distinguished from damage.
const (
	recordFormat = 1
	recordHead   = 1 + 4*8 + 1
	recordSum    = 4
)

// RecordOverhead is the number of bytes that AppendRecord adds to Data and Owner.
const RecordOverhead = recordHead + recordSum

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendRecord appends the encoded record, without its Hint, to b. It returns an
// error if Owner is longer than MaxOwner bytes.
func AppendRecord(b []byte, r Record) ([]byte, error) {
	if len(r.Owner) > MaxOwner {
		return b, fmt.Errorf("driver: encode record: owner of %d bytes, at most %d: %w", len(r.Owner), MaxOwner, ErrTooLarge)
	}
	start := len(b)
	b = append(b, recordFormat)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Version))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Created))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Accessed))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Expires))
	b = append(b, byte(len(r.Owner)))
	b = append(b, r.Owner...)
	b = append(b, r.Data...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli)), nil
}

// ParseRecord decodes a record that AppendRecord encoded. It returns ErrCorrupt
// for damaged bytes, and ErrNewerFormat for intact bytes of a newer format. Data
// is a part of b, not a copy.
func ParseRecord(b []byte) (Record, error) {
	if len(b) < 1+recordSum {
		return Record{}, fmt.Errorf("driver: decode record of %d bytes: %w", len(b), ErrCorrupt)
	}
	body, sum := b[:len(b)-recordSum], binary.BigEndian.Uint32(b[len(b)-recordSum:])
	if crc32.Checksum(body, castagnoli) != sum {
		return Record{}, fmt.Errorf("driver: decode record: checksum differs: %w", ErrCorrupt)
	}
	if body[0] != recordFormat {
		return Record{}, fmt.Errorf("driver: decode record: format %d, known up to %d: %w", body[0], recordFormat, ErrNewerFormat)
	}
	if len(body) < recordHead || len(body)-recordHead < int(body[recordHead-1]) {
		return Record{}, fmt.Errorf("driver: decode record: truncated: %w", ErrCorrupt)
	}
	owner := int(body[recordHead-1])
	r := Record{
		Version:  Version(binary.BigEndian.Uint64(body[1:])),
		Created:  Millis(binary.BigEndian.Uint64(body[9:])),
		Accessed: Millis(binary.BigEndian.Uint64(body[17:])),
		Expires:  Millis(binary.BigEndian.Uint64(body[25:])),
		Owner:    string(body[recordHead : recordHead+owner]),
		Data:     body[recordHead+owner:],
	}
	if r.Version <= 0 || r.Expires == 0 {
		return Record{}, fmt.Errorf("driver: decode record: no version or expiry: %w", ErrCorrupt)
	}
	return r, nil
}
