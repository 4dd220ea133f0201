package sessions

import (
	"bytes"
	"encoding/binary"
	"math"
)

// packed is the values of a record as they are stored. One is found by walking
// over their lengths and decoded where it lies, so that a request takes apart
// what it uses and no more: a read costs a third less than with a value made of
// each, a write a sixth.
type packed struct {
	data []byte // the record's; at most maxData
	n    uint32 // how many values there are
	at   spot   // of the first
	end  spot   // behind the last
}

// spot is where in a record's data there are, of a value and of those behind
// it: the lengths of its name and its encoding, as varints; the name; the
// encoding.
type spot struct{ lengths, names, raws uint32 }

// maxData is how long a record's data may be, in bytes: far over what any store
// takes.
const maxData = math.MaxUint32

// next takes the first value off p.
func (p *packed) next() (name, raw []byte) {
	n, lengths := lengthAt(p.data, p.at.lengths)
	size, lengths := lengthAt(p.data, lengths)
	name = p.data[p.at.names : p.at.names+n]
	raw = p.data[p.at.raws : p.at.raws+size : p.at.raws+size]
	p.n, p.at = p.n-1, spot{lengths, p.at.names + n, p.at.raws + size}
	return name, raw
}

// find returns the encoding of the value of the name.
func (p *packed) find(name string) (raw []byte, ok bool) {
	data, lengths, names, raws := p.data, p.at.lengths, p.at.names, p.at.raws
	for range p.n {
		var n, size uint32
		n, lengths = lengthAt(data, lengths)
		size, lengths = lengthAt(data, lengths)
		if int(n) == len(name) && string(data[names:names+n]) == name {
			return data[raws : raws+size : raws+size], true
		}
		names, raws = names+n, raws+size
	}
	return nil, false
}

// sorted tells whether the values stand in order of their names, each once.
func (p packed) sorted() bool {
	lengths, names := p.at.lengths, p.at.names
	var last []byte
	var lastHead uint64
	for i := range p.n {
		var n uint32
		n, lengths = lengthAt(p.data, lengths)
		_, lengths = lengthAt(p.data, lengths)
		name, head := p.data[names:names+n], p.headAt(names, n)
		if i > 0 && head <= lastHead && (head < lastHead || bytes.Compare(last, name) >= 0) {
			return false
		}
		names, last, lastHead = names+n, name, head
	}
	return true
}

// headAt is the first eight bytes of a name of n bytes, or it and zeros, as a
// number that is in their order. To compare these takes a third of the time.
func (p *packed) headAt(at, n uint32) uint64 {
	var head uint64
	if b := p.data[at:]; len(b) >= 8 {
		head = binary.BigEndian.Uint64(b)
	} else {
		var room [8]byte
		copy(room[:], b)
		head = binary.BigEndian.Uint64(room[:])
	}
	if n < 8 {
		head &^= math.MaxUint64 >> (8 * n)
	}
	return head
}

// lengthAt reads a length in b, and tells where the next one is; parseData has
// looked at them.
func lengthAt(b []byte, at uint32) (n, next uint32) {
	if c := b[at]; c < 0x80 {
		return uint32(c), at + 1
	}
	return longLengthAt(b, at)
}

func longLengthAt(b []byte, at uint32) (n, next uint32) {
	v, size := binary.Uvarint(b[at:])
	return uint32(v), at + uint32(size)
}

// stretch is values as they are to be stored: one that was touched, or those
// stored between two that were, which are copied as they lie.
type stretch struct {
	touched *value
	stored  packed
}

// size is about how many bytes it takes, and n how many values it is.
func (s *stretch) size() (n, size int) {
	if v := s.touched; v != nil {
		return 1, len(v.name) + len(v.raw) + 2*2 // lengths are seldom over two bytes
	}
	p := &s.stored
	return int(p.n), int(p.end.lengths-p.at.lengths) + int(p.end.names-p.at.names) + int(p.end.raws-p.at.raws)
}

func (s *stretch) appendLengths(b []byte) []byte {
	if v := s.touched; v != nil {
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(len(v.name))), uint64(len(v.raw)))
	}
	return append(b, s.stored.data[s.stored.at.lengths:s.stored.end.lengths]...)
}

func (s *stretch) appendNames(b []byte) []byte {
	if v := s.touched; v != nil {
		return append(b, v.name...)
	}
	return append(b, s.stored.data[s.stored.at.names:s.stored.end.names]...)
}

func (s *stretch) appendRaws(b []byte) []byte {
	if v := s.touched; v != nil {
		return append(b, v.raw...)
	}
	return append(b, s.stored.data[s.stored.at.raws:s.stored.end.raws]...)
}

// merge appends to list the values of p and those that were touched since, by
// name, each once: where there are two of a name, the touched one counts. It
// walks over p only as far as there are touched ones.
func (p packed) merge(list []stretch, touched []value) []stretch {
	rest := p // what is not in list yet
	upTo := func(end packed) {
		if n := rest.n - end.n; n > 0 {
			list = append(list, stretch{stored: packed{data: p.data, n: n, at: rest.at, end: end.at}})
		}
		rest = end
	}
	for i := range touched {
		v, found := &touched[i], false
		for !found && p.n > 0 {
			before := p
			name, _ := p.next()
			if found = string(name) >= v.name; !found {
				continue
			}
			upTo(before)
			if string(name) == v.name {
				rest = p
			} else {
				p = before
			}
		}
		if !found {
			upTo(packed{at: p.end})
		}
		if !v.gone {
			list = append(list, stretch{touched: v})
		}
	}
	upTo(packed{at: p.end})
	return list
}

// item is a value as it is to be stored.
type item struct {
	name string
	raw  []byte
}

// items is what merge finds, one by one.
func (p packed) items(touched []value) []item {
	var items []item
	for _, s := range p.merge(nil, touched) {
		if s.touched != nil {
			items = append(items, item{s.touched.name, s.touched.raw})
			continue
		}
		names := string(s.stored.data[s.stored.at.names:s.stored.end.names])
		for s.stored.n > 0 {
			name, raw := s.stored.next()
			items = append(items, item{names[:len(name)], raw})
			names = names[len(name):]
		}
	}
	return items
}

// unpack makes a value of each.
func (p packed) unpack() []value {
	items := p.items(nil)
	values := make([]value, len(items))
	for i, it := range items {
		values[i] = value{name: it.name, raw: it.raw}
	}
	return values
}
