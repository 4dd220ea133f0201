package codec

import (
	"reflect"
	"slices"
	"strings"
)

// field is a field that the CBOR library encodes as part of a struct. It may be
// that of an embedded struct.
type field struct {
	name  string // in the encoding
	path  string // in Go
	index []int
	t     reflect.Type
	// tagged: the name, or an option, is in a tag.
	tagged bool
	// omitted: it is left out if it is zero.
	omitted bool
	// unsettable: the decoder cannot set it, because it is, or is part of, an
	// embedded field of an unexported type.
	unsettable bool
}

// collectFields returns the fields of a struct that are encoded, and those that
// are not because others have their names at the same depth. These are the rules
// of encoding/json.
func collectFields(t reflect.Type) (encoded, dropped []field) {
	var all []field
	visited := make(map[reflect.Type]bool)
	level := []field{{t: t}}
	for len(level) > 0 {
		var next []field
		count := make(map[reflect.Type]int)
		for _, f := range level {
			count[elemOf(f.t)]++
		}
		for _, f := range level {
			switch t := elemOf(f.t); {
			case visited[t]:
			case count[t] > 1: // ambiguous in all of its fields
				if inner, _ := collectFields(t); len(inner) > 0 {
					dropped = append(dropped, f)
				}
			default:
				visited[t] = true
				fields, embedded := fieldsOf(t, f)
				all, next = append(all, fields...), append(next, embedded...)
			}
		}
		level = next
	}
	named := make(map[string][]field)
	for _, f := range all {
		named[f.name] = append(named[f.name], f)
	}
	for _, f := range all {
		switch first := dominant(named[f.name]); {
		case len(first) == 1 && slices.Equal(first[0].index, f.index):
			encoded = append(encoded, f)
		case len(first) > 1 && slices.ContainsFunc(first, func(g field) bool { return slices.Equal(f.index, g.index) }):
			dropped = append(dropped, f)
		}
	}
	return encoded, dropped
}

// dominant returns those of the fields of one name that come before the others.
func dominant(fields []field) (first []field) {
	rank := func(f field) int { // the depth, and then without a tag
		if f.tagged {
			return 2 * len(f.index)
		}
		return 2*len(f.index) + 1
	}
	for _, f := range fields {
		if len(first) == 0 || rank(f) < rank(first[0]) {
			first = []field{f}
		} else if rank(f) == rank(first[0]) {
			first = append(first, f)
		}
	}
	return first
}

// fieldsOf returns the fields of t itself, and the structs embedded in it.
func fieldsOf(t reflect.Type, outer field) (fields, embedded []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		isStruct := f.Anonymous && elemOf(f.Type).Kind() == reflect.Struct
		tag := tagOf(f)
		if tag == "-" || !f.IsExported() && !isStruct {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		options = "," + options + ","
		at := field{
			name:    name,
			path:    outer.path + "." + f.Name,
			index:   append(slices.Clone(outer.index), i),
			t:       f.Type,
			tagged:  tag != "",
			omitted: strings.Contains(options, ",omitzero,"),
		}
		if isStruct && name == "" {
			at.unsettable = outer.unsettable || f.Type.Kind() == reflect.Pointer && !f.IsExported()
			embedded = append(embedded, at)
			continue
		}
		at.unsettable = outer.unsettable || !f.IsExported() && (f.Type.Kind() == reflect.Pointer || marshalerOf(f.Type) != nil)
		if name == "" {
			at.name = f.Name
		}
		if strings.Contains(options, ",keyasint,") {
			at.name = "int " + at.name
		}
		fields = append(fields, at)
	}
	return fields, embedded
}

func tagOf(f reflect.StructField) string {
	if tag := f.Tag.Get("cbor"); tag != "" {
		return tag
	}
	return f.Tag.Get("json")
}
