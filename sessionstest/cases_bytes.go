package sessionstest

import (
	"bytes"
	"strings"

	"github.com/pump-go/sessions/driver"
)

var bytesCases = []testCase{
	{"hostile-data", 6, "Data comes back byte for byte, NUL and invalid UTF-8 included.", nil, hostileData},
	{"empty-data", 6, "an empty Data comes back as an empty one.", nil, emptyData},
	{"data-of-any-size", 6, "Data comes back byte for byte, up to the limit that the store's documentation states.", nil, dataOfAnySize},
	{"data-over-the-limit", 6, "above the limit that the store's documentation states, Save fails with ErrTooLarge and writes nothing.", nil, dataOverLimit},
	{"hostile-owner", 6, "Owner comes back byte for byte, NUL and invalid UTF-8 included.", nil, hostileOwner},
	{"save-keeps-no-slice", 6, "a Store keeps no slice that it was given, nor writes to one.", nil, saveKeepsNoSlice},
	{"touch-keeps-no-slice", 6, "a Store keeps no slice that it was given.", nil, touchKeepsNoSlice},
	{"load-returns-its-own", 6, "a Store returns no slice that it keeps.", nil, loadReturnsItsOwn},
	{"listing-yields-its-own", 6, "a Store returns no slice that it keeps, in a listing neither.", []Ability{List}, listingYieldsItsOwn},
}

// everyByte is each byte value once.
var everyByte = func() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()

// hostile is what separators, quotes, encodings and text functions trip over.
var hostile = []string{
	"\x00", "a\x00b", "\x00\x00tail", "tail\x00", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "\ufeff",
	" ", " a ", "a ", "\n", "a\r\nb", "\t", "\x1a", "\x7f",
	"'", `"`, "`", `\`, `\x00`, `\\`, "%", "_", "a%", "a_", "*", "?", "%00", "%s%n", "$1", ":a", "@a",
	"'; DROP TABLE sessions; --", "../a", "..", ".", "/", "/etc/passwd", `..\a`, "a:b", "a,b", "a;b", "a=b", "{}", "null", "0", "-1",
	"é", "e\u0301", "ß", "ẞ", "ss", "ı", "İ", "日本", "👩‍👩‍👧",
}

func hostileData(e *env) {
	s := e.open()
	all := append([]string{everyByte}, hostile...)
	e.each(len(all), func(i int) {
		data := all[i]
		rec := e.record(data)
		key := e.create(s, rec)
		e.holds(s, key, rec, "of hostile data")
		second := next(rec, data+data)
		e.must(s.Save(e.ctx, key, rec.Version, second), "Save of hostile data")
		e.holds(s, key, second, "of hostile data that was replaced")
	})
}

func emptyData(e *env) {
	s := e.open()
	for _, data := range [][]byte{nil, {}} {
		rec := e.record("")
		rec.Data = data
		key := e.create(s, rec)
		e.holds(s, key, rec, "of empty data")
		now := next(rec, "something")
		e.must(s.Save(e.ctx, key, rec.Version, now), "Save over empty data")
		rec.Version = newVersion()
		e.must(s.Save(e.ctx, key, now.Version, rec), "Save of empty data over some")
		e.holds(s, key, rec, "of data that was made empty")
	}
}

// mebibyte is what a store must take that states no limit.
const mebibyte = 1 << 20

func dataOfAnySize(e *env) {
	s := e.open()
	limit := e.suite.MaxData
	if limit == 0 {
		limit = mebibyte
	}
	for _, n := range []int{1, 2, 3, 127, 128, 255, 256, 257, 1023, 4095, 4096, 4097, 16383, 16384, 65535, 65536, 65537, 262144, mebibyte, limit} {
		if n > limit {
			continue
		}
		rec := e.owned(strings.Repeat("o", driver.MaxOwner), string(noise(n)))
		key := e.create(s, rec)
		e.holds(s, key, rec, "of data of a certain size")
		e.must(s.Delete(e.ctx, key, rec.Version), "Delete of data of a certain size")
	}
}

func dataOverLimit(e *env) {
	if e.suite.MaxData == 0 {
		e.skip("the harness states no MaxData")
	}
	s := e.open()
	large := e.record(string(noise(e.suite.MaxData + 1)))
	key := newKey()
	e.wants(s.Save(e.ctx, key, 0, large), driver.ErrTooLarge, "Save with old 0 of data one byte over MaxData")
	e.absent(s, key, "after a Save that was too large")
	rec := e.record("small")
	key = e.create(s, rec)
	e.wants(s.Save(e.ctx, key, rec.Version, large), driver.ErrTooLarge, "Save at a version, of data one byte over MaxData")
	e.holds(s, key, rec, "after a Save that was too large")
}

func hostileOwner(e *env) {
	s := e.open()
	e.each(len(hostileOwners), func(i int) {
		rec := e.owned(hostileOwners[i], "data")
		key := e.create(s, rec)
		e.holds(s, key, rec, "of a hostile owner")
		second := next(rec, "replaced")
		e.must(s.Save(e.ctx, key, rec.Version, second), "Save of a hostile owner")
		e.must(s.Touch(e.ctx, key, extended(second, 1)), "Touch of a hostile owner's record")
		e.holds(s, key, extended(second, 1), "of a hostile owner, touched")
	})
}

func saveKeepsNoSlice(e *env) {
	s := e.open()
	// Room behind the data shows a store that appends to what it was given.
	room := []byte("the data and some room behind it")
	before := bytes.Clone(room)
	rec := e.record("")
	rec.Data = room[:8]
	want := rec
	want.Data = bytes.Clone(rec.Data)
	key := e.create(s, rec)
	if !bytes.Equal(room, before) {
		e.failf("Save wrote to the slice that it was given, or behind it: %q became %q", before, room)
	}
	copy(room, "OVERWRITTEN")
	e.holds(s, key, want, "after the caller changed the slice that Save was given")

	old := want.Version
	rec.Data, rec.Version = []byte("second"), newVersion()
	want = rec
	want.Data = bytes.Clone(rec.Data)
	e.must(s.Save(e.ctx, key, old, rec), "Save at the present version")
	clear(rec.Data)
	e.holds(s, key, want, "after the caller changed the slice that a replacing Save was given")
}

func touchKeepsNoSlice(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	rec := extended(e.load(s, key, "before Touch"), hour)
	want := rec
	want.Data = bytes.Clone(rec.Data)
	e.must(s.Touch(e.ctx, key, rec), "Touch")
	clear(rec.Data)
	e.holds(s, key, want, "after the caller changed the slice that Touch was given")
}

func loadReturnsItsOwn(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	one := e.load(s, key, "the first time")
	two := e.load(s, key, "the second time")
	clear(one.Data)
	_ = append(one.Data, "more"...)
	if d := difference(two, rec); d != "" {
		e.failf("after the caller changed what one Load returned, of what the other returned %s", d)
	}
	e.holds(s, key, rec, "after the caller changed what Load returned")
}

func listingYieldsItsOwn(e *env) {
	s := e.open()
	rec := e.record("data")
	key := e.create(s, rec)
	entries, err := collect(e.lister(s).All(e.ctx))
	e.must(err, "All")
	for _, entry := range entries {
		clear(entry.Record.Data)
	}
	e.holds(s, key, rec, "after the caller changed what All yielded")
}
