package sessions

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/token"
)

// A record's Data, laid out so that a value is found without decoding any:
//
//	format, 1 byte | settings, 1 byte
//	the session's own timeout in ms, if bit 0 of settings
//	the session's own cookie expiry: kind, 1 byte, and ms, if bit 1
//	the number of values | the number of flashes
//	of each value: the length of its name, of its bytes
//	of each flash: the length of its queue's name, its id (8 bytes), the length of its bytes
//	all names, values' before flashes' | all bytes, likewise
//
// Numbers are varints, as in encoding/binary. Values stand in order of their
// names, each once.
const dataFormat = 1

const (
	hasTimeout = 1 << iota
	hasExpires
	allSettings = 1<<iota - 1
)

// appendData appends the encoding of the contents, all but the owner, to b.
func (c *contents) appendData(b []byte) ([]byte, error) {
	for i := range c.values {
		if v := &c.values[i]; !v.gone {
			if err := v.settle(); err != nil {
				return nil, err
			}
		}
	}
	var room [6]stretch // enough for most, on the stack
	values := c.stored.merge(room[:0], c.values)
	n, size := 0, 2+2*2 // a number seldom takes over two bytes
	if c.timeout != nil {
		size += binary.MaxVarintLen64
	}
	if c.expires != nil {
		size += 1 + binary.MaxVarintLen64
	}
	for i := range values {
		count, length := values[i].size()
		n, size = n+count, size+length
	}
	for _, f := range c.flashes {
		size += len(f.queue) + len(f.raw) + 8 + 2*2
	}
	if uint64(size) > maxData {
		return nil, fmt.Errorf("encode session: %d bytes: %w", size, ErrTooLarge)
	}
	b = slices.Grow(b, size)
	settings := byte(0)
	if c.timeout != nil {
		settings |= hasTimeout
	}
	if c.expires != nil {
		settings |= hasExpires
	}
	b = append(b, dataFormat, settings)
	if c.timeout != nil {
		b = binary.AppendUvarint(b, uint64(c.timeout.Milliseconds()))
	}
	if c.expires != nil {
		b = append(b, byte(c.expires.Kind))
		b = binary.AppendVarint(b, c.expires.Ms)
	}
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(len(c.flashes)))
	for i := range values {
		b = values[i].appendLengths(b)
	}
	for _, f := range c.flashes {
		b = binary.AppendUvarint(b, uint64(len(f.queue)))
		b = binary.BigEndian.AppendUint64(b, f.id)
		b = binary.AppendUvarint(b, uint64(len(f.raw)))
	}
	for i := range values {
		b = values[i].appendNames(b)
	}
	for _, f := range c.flashes {
		b = append(b, f.queue...)
	}
	for i := range values {
		b = values[i].appendRaws(b)
	}
	for _, f := range c.flashes {
		b = append(b, f.raw...)
	}
	return b, nil
}

// parseData reads what appendData wrote. The contents refer to data, which must
// not change. Bytes that appendData cannot have written are ErrCorrupt, unless
// their format is a later one: ErrNewerFormat.
func parseData(data []byte, owner string) (contents, error) {
	r := reader{b: data}
	r.check(uint64(len(data)) <= maxData)
	switch format := r.byte(); {
	case r.failed || format == 0:
		return contents{}, fmt.Errorf("decode session of %d bytes: %w", len(data), driver.ErrCorrupt)
	case format > dataFormat:
		return contents{}, fmt.Errorf("decode session: format %d, known up to %d: %w", format, dataFormat, driver.ErrNewerFormat)
	}
	c := contents{owner: owner}
	settings := r.byte()
	if settings&hasTimeout != 0 {
		ms := r.uvarint()
		r.check(ms <= uint64(maxTimeout/time.Millisecond))
		d := time.Duration(ms) * time.Millisecond
		c.timeout = &d
	}
	if settings&hasExpires != 0 {
		e := token.Expiry{Kind: token.ExpiryKind(r.byte()), Ms: r.varint()}
		r.check(e.Valid() == nil)
		c.expires = &e
	}
	// Each value takes two bytes or more, each flash ten: what is claimed beyond
	// the data's length allocates nothing.
	values, flashes := r.count(2), r.count(10)
	r.check(settings&^byte(allSettings) == 0)
	if r.failed {
		return contents{}, r.corrupt()
	}
	ofValues, names, total := r, 0, 0
	for range values {
		names += r.length()
		total += r.length()
		r.check(names+total <= len(data)) // and so the sums stay in range
	}
	ofFlashes, ofNames, ofRaws := r, names, total
	for range flashes {
		names += r.length()
		r.take(8)
		total += r.length()
		r.check(names+total <= len(data))
	}
	if r.check(names+total == len(r.b)); r.failed {
		return contents{}, r.corrupt()
	}
	if values > 0 {
		at := func(tail []byte) uint32 { return uint32(len(data) - len(tail)) }
		c.stored = packed{
			data: data, n: uint32(values),
			at:  spot{at(ofValues.b), at(r.b), at(r.b[names:])},
			end: spot{at(ofFlashes.b), at(r.b[ofNames:]), at(r.b[names+ofRaws:])},
		}
		r.check(c.stored.sorted())
	}
	name, raw := string(r.b[ofNames:names]), r.b[names+ofRaws:]
	if flashes > 0 {
		c.flashes = make([]flash, flashes)
	}
	for i := range c.flashes {
		f := &c.flashes[i]
		n := ofFlashes.length()
		f.id = binary.BigEndian.Uint64(ofFlashes.take(8))
		size := ofFlashes.length()
		f.queue, name = name[:n], name[n:]
		f.raw, raw = raw[:size:size], raw[size:]
	}
	if r.failed {
		return contents{}, r.corrupt()
	}
	return c, nil
}

// reader reads numbers off the front of b. After a failure it reads zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) check(ok bool) { r.failed = r.failed || !ok }

func (r *reader) corrupt() error {
	return fmt.Errorf("decode session: lengths do not fit: %w", driver.ErrCorrupt)
}

func (r *reader) take(n int) []byte {
	if r.check(n <= len(r.b)); r.failed {
		return make([]byte, min(n, 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.check(n > 0); r.failed {
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.check(n > 0); r.failed {
		return 0
	}
	r.b = r.b[n:]
	return v
}

// length reads the length of something that is still to come.
func (r *reader) length() int {
	if len(r.b) > 0 && r.b[0] < 0x80 && int(r.b[0]) < len(r.b) {
		n := int(r.b[0]) // as nearly all are
		r.b = r.b[1:]
		return n
	}
	v := r.uvarint()
	if r.check(v <= uint64(len(r.b))); r.failed {
		return 0
	}
	return int(v)
}

// count reads a number of things of at least size bytes that are to come.
func (r *reader) count(size int) int {
	v := r.uvarint()
	if r.check(v <= uint64(len(r.b)/size)); r.failed {
		return 0
	}
	return int(v)
}
