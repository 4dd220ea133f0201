package content

import (
	"bytes"
	"encoding/binary"
	"math"
)

// stored is the values of a record as they are stored. A value is found by walking
// over their lengths, and is decoded where it is, so that a request decodes only
// what it uses: a read costs a third less than with a Value for each, a write a
// sixth.
type stored struct {
	data []byte  // the record's; at most maxData
	n    uint32  // the number of values
	at   offsets // of the first
	end  offsets // behind the last
}

// offsets are the positions in a record's data of a value and of those behind it:
// of the lengths of its name and its encoding, as varints; of the name; of the
// encoding.
type offsets struct{ lengths, names, raws uint32 }

// maxData is the maximum length of a record's data, in bytes. No store takes
// nearly as much.
const maxData = math.MaxUint32

// next removes the first value from p and returns it.
func (p *stored) next() (name, raw []byte) {
	n, lengths := lengthAt(p.data, p.at.lengths)
	size, lengths := lengthAt(p.data, lengths)
	name = p.data[p.at.names : p.at.names+n]
	raw = p.data[p.at.raws : p.at.raws+size : p.at.raws+size]
	p.n, p.at = p.n-1, offsets{lengths, p.at.names + n, p.at.raws + size}
	return name, raw
}

// find returns the encoding of the value of the name.
func (p *stored) find(name string) (raw []byte, ok bool) {
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

// sorted reports whether the values are in order of their names, each once.
func (p stored) sorted() bool {
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

// headAt returns the first eight bytes of a name of n bytes, padded with zeros, as
// a number. Comparing these takes a third of the time of comparing the names.
func (p *stored) headAt(at, n uint32) uint64 {
	var head uint64
	if b := p.data[at:]; len(b) >= 8 {
		head = binary.BigEndian.Uint64(b)
	} else {
		var buf [8]byte
		copy(buf[:], b)
		head = binary.BigEndian.Uint64(buf[:])
	}
	if n < 8 {
		head &^= math.MaxUint64 >> (8 * n)
	}
	return head
}

// lengthAt reads a length in b, and returns the position of the next one. Parse
// has checked them.
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

// run is some values as they are to be stored: one of the overlay, or the stored
// ones between two of those, which are copied as they are.
type run struct {
	used   *Value
	stored stored
}

// size returns the number of values, and about how many bytes they take.
func (s *run) size() (n, size int) {
	if v := s.used; v != nil {
		return 1, len(v.name) + len(v.raw) + 2*2 // lengths are rarely over two bytes
	}
	p := &s.stored
	return int(p.n), int(p.end.lengths-p.at.lengths) + int(p.end.names-p.at.names) + int(p.end.raws-p.at.raws)
}

func (s *run) appendLengths(b []byte) []byte {
	if v := s.used; v != nil {
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(len(v.name))), uint64(len(v.raw)))
	}
	return append(b, s.stored.data[s.stored.at.lengths:s.stored.end.lengths]...)
}

func (s *run) appendNames(b []byte) []byte {
	if v := s.used; v != nil {
		return append(b, v.name...)
	}
	return append(b, s.stored.data[s.stored.at.names:s.stored.end.names]...)
}

func (s *run) appendRaws(b []byte) []byte {
	if v := s.used; v != nil {
		return append(b, v.raw...)
	}
	return append(b, s.stored.data[s.stored.at.raws:s.stored.end.raws]...)
}

// merge appends to list the values of p and of the overlay, sorted by name. Of
// two with the same name, the one of the overlay counts. It walks over p only as
// far as the overlay goes.
func (p stored) merge(list []run, overlay []Value) []run {
	rest := p // what is not in list yet
	upTo := func(end stored) {
		if n := rest.n - end.n; n > 0 {
			list = append(list, run{stored: stored{data: p.data, n: n, at: rest.at, end: end.at}})
		}
		rest = end
	}
	for i := range overlay {
		v, found := &overlay[i], false
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
			upTo(stored{at: p.end})
		}
		if !v.deleted {
			list = append(list, run{used: v})
		}
	}
	upTo(stored{at: p.end})
	return list
}

// items returns what merge finds, one by one.
func (p stored) items(overlay []Value) []Item {
	var items []Item
	for _, s := range p.merge(nil, overlay) {
		if s.used != nil {
			items = append(items, Item{s.used.name, s.used.raw})
			continue
		}
		names := string(s.stored.data[s.stored.at.names:s.stored.end.names])
		for s.stored.n > 0 {
			name, raw := s.stored.next()
			items = append(items, Item{names[:len(name)], raw})
			names = names[len(name):]
		}
	}
	return items
}

// values returns a Value for each.
func (p stored) values() []Value {
	items := p.items(nil)
	values := make([]Value, len(items))
	for i, it := range items {
		values[i] = Value{name: it.Name, raw: it.Raw}
	}
	return values
}
