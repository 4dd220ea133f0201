package content

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
//	the session's own lifetime in ms, if bit 2
//	the guard's note: its length and its bytes, if bit 3
//	the number of values | the number of flashes
//	of each value: the length of its name, of its bytes
//	of each flash: the length of its queue's name, its ID (8 bytes), the length of its bytes
//	all names, values' before flashes' | all bytes, likewise
//
// Numbers are varints, as in encoding/binary. Values are sorted by name, each name
// once.
//
// Bit 2 is set in lifetimeFormat and may be in noteFormat, bit 3 is set in noteFormat,
// and neither is in another. A program that does not know them must answer with
// driver.ErrNewerFormat: in dataFormat it would take the bit for damage, and begin a
// new session.
const (
	dataFormat     = 1
	lifetimeFormat = 3
	noteFormat     = 4
)

const (
	hasTimeout = 1 << iota
	hasExpires
	hasLifetime
	hasNote
	allSettings = 1<<iota - 1
)

// formatOf returns the oldest format that can express the settings.
func formatOf(settings byte) byte {
	switch {
	case settings&hasNote != 0:
		return noteFormat
	case settings&hasLifetime != 0:
		return lifetimeFormat
	default:
		return dataFormat
	}
}

// Encode returns the content as a record's data. It is all but the owner, which
// the record has in a field of its own.
func (c *Content) Encode() ([]byte, error) {
	for i := range c.overlay {
		if v := &c.overlay[i]; !v.deleted {
			if err := v.encode(); err != nil {
				return nil, err
			}
		}
	}
	var buf [6]run // enough for most, on the stack
	values := c.stored.merge(buf[:0], c.overlay)
	n, size := 0, 2+2*2 // a number rarely takes over two bytes
	if c.IdleTimeout != nil {
		size += binary.MaxVarintLen64
	}
	if c.Expires != nil {
		size += 1 + binary.MaxVarintLen64
	}
	if c.Lifetime != nil {
		size += binary.MaxVarintLen64
	}
	if c.Note != nil {
		size += 2 + len(c.Note)
	}
	for i := range values {
		count, length := values[i].size()
		n, size = n+count, size+length
	}
	for _, f := range c.Flashes {
		size += len(f.Queue) + len(f.Raw) + 8 + 2*2
	}
	if uint64(size) > maxData {
		return nil, fmt.Errorf("encode session: %d bytes: %w", size, driver.ErrTooLarge)
	}
	b := make([]byte, 0, size)
	settings := byte(0)
	if c.IdleTimeout != nil {
		settings |= hasTimeout
	}
	if c.Expires != nil {
		settings |= hasExpires
	}
	if c.Lifetime != nil {
		settings |= hasLifetime
	}
	if c.Note != nil {
		settings |= hasNote
	}
	b = append(b, formatOf(settings), settings)
	if c.IdleTimeout != nil {
		b = binary.AppendUvarint(b, uint64(c.IdleTimeout.Milliseconds()))
	}
	if c.Expires != nil {
		b = append(b, byte(c.Expires.Kind))
		b = binary.AppendVarint(b, c.Expires.Ms)
	}
	if c.Lifetime != nil {
		b = binary.AppendUvarint(b, uint64(c.Lifetime.Milliseconds()))
	}
	if c.Note != nil {
		b = append(binary.AppendUvarint(b, uint64(len(c.Note))), c.Note...)
	}
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(len(c.Flashes)))
	for i := range values {
		b = values[i].appendLengths(b)
	}
	for _, f := range c.Flashes {
		b = binary.AppendUvarint(b, uint64(len(f.Queue)))
		b = binary.BigEndian.AppendUint64(b, f.ID)
		b = binary.AppendUvarint(b, uint64(len(f.Raw)))
	}
	for i := range values {
		b = values[i].appendNames(b)
	}
	for _, f := range c.Flashes {
		b = append(b, f.Queue...)
	}
	for i := range values {
		b = values[i].appendRaws(b)
	}
	for _, f := range c.Flashes {
		b = append(b, f.Raw...)
	}
	return b, nil
}

// Parse decodes the data of a record. The Content refers to data, which must not
// change. It returns driver.ErrCorrupt for data that Encode cannot have written,
// and driver.ErrNewerFormat for a later format.
func Parse(data []byte, owner string) (Content, error) {
	r := reader{b: data}
	r.check(uint64(len(data)) <= maxData)
	format := r.byte()
	switch {
	case r.failed || format == 0:
		return Content{}, fmt.Errorf("decode session of %d bytes: %w", len(data), driver.ErrCorrupt)
	case format == forwardFormat:
		if _, ok := ParseForward(data); ok {
			return Content{}, fmt.Errorf("decode session: %w", ErrForward)
		}
		return Content{}, fmt.Errorf("decode forward of %d bytes: %w", len(data), driver.ErrCorrupt)
	case format != dataFormat && format != lifetimeFormat && format != noteFormat:
		return Content{}, fmt.Errorf("decode session: unknown format %d: %w", format, driver.ErrNewerFormat)
	}
	c := Content{Owner: owner}
	settings := r.byte()
	if settings&hasTimeout != 0 {
		c.IdleTimeout = r.timeout()
	}
	if settings&hasExpires != 0 {
		e := token.Expiry{Kind: token.ExpiryKind(r.byte()), Ms: r.varint()}
		r.check(e.Valid() == nil)
		c.Expires = &e
	}
	if settings&hasLifetime != 0 {
		c.Lifetime = r.timeout()
	}
	if settings&hasNote != 0 {
		n := r.length()
		r.check(0 < n && n <= MaxNote)
		c.Note = slices.Clip(r.take(n))
	}
	// Each value takes two bytes or more, each flash ten: what is claimed beyond
	// the data's length allocates nothing.
	values, flashes := r.count(2), r.count(10)
	r.check(settings&^byte(allSettings) == 0 && format == formatOf(settings))
	if r.failed {
		return Content{}, r.corrupt()
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
		return Content{}, r.corrupt()
	}
	if values > 0 {
		at := func(tail []byte) uint32 { return uint32(len(data) - len(tail)) }
		c.stored = stored{
			data: data, n: uint32(values),
			at:  offsets{at(ofValues.b), at(r.b), at(r.b[names:])},
			end: offsets{at(ofFlashes.b), at(r.b[ofNames:]), at(r.b[names+ofRaws:])},
		}
		r.check(c.stored.sorted())
	}
	name, raw := string(r.b[ofNames:names]), r.b[names+ofRaws:]
	if flashes > 0 {
		c.Flashes = make([]Flash, flashes)
	}
	for i := range c.Flashes {
		f := &c.Flashes[i]
		n := ofFlashes.length()
		f.ID = binary.BigEndian.Uint64(ofFlashes.take(8))
		size := ofFlashes.length()
		f.Queue, name = name[:n], name[n:]
		f.Raw, raw = raw[:size:size], raw[size:]
	}
	if r.failed {
		return Content{}, r.corrupt()
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

// timeout reads an idle timeout or a lifetime.
func (r *reader) timeout() *time.Duration {
	ms := r.uvarint()
	r.check(ms <= uint64(MaxTimeout/time.Millisecond))
	d := time.Duration(ms) * time.Millisecond
	return &d
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
