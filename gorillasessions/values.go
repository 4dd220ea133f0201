package gorillasessions

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pump-go/sessions"
)

// Each value of a gorilla session is a value of its own in the manager's session,
// so that parallel requests merge. Its name is
//
//	gorilla:NAME:KEY        for a key that is a string
//	gorilla:NAME/TYPE(KEY)  for other keys; the key itself is stored with the value
//
// and its data is in gob. Names of gorilla sessions have neither ':' nor '/'. Empty
// data means that there is no value: it is what a taken list of flash messages
// leaves.
const (
	allNames   = "gorilla:"
	textKey    = ':'
	anotherKey = '/'
)

// nilValue is the data of a nil value, which gob cannot encode by itself. No message
// of gob is empty.
var nilValue = []byte{0}

// nameOf returns the name of the value that a key of a gorilla session has.
func nameOf(session string, key any) (string, error) {
	if text, ok := key.(string); ok {
		return allNames + session + string(textKey) + text, nil
	}
	v := reflect.ValueOf(key)
	var text string
	switch {
	case key == nil:
		return "", fmt.Errorf("key nil: %w", sessions.ErrInvalidValue)
	case v.Kind() == reflect.String:
		text = strconv.Quote(v.String())
	case v.Kind() == reflect.Bool:
		text = strconv.FormatBool(v.Bool())
	case v.CanInt():
		text = strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		text = strconv.FormatUint(v.Uint(), 10)
	default:
		return "", fmt.Errorf("key of type %T: %w: keys are strings, integers, booleans and named types of these", key, sessions.ErrInvalidValue)
	}
	typ := v.Type().Name()
	if pkg := v.Type().PkgPath(); pkg != "" {
		typ = pkg + "." + typ
	}
	return fmt.Sprintf("%s%s%c%s(%s)", allNames, session, anotherKey, typ, text), nil
}

// belongs reports whether the value of that name is one of the session's. If its key
// is a string, it returns the key.
func belongs(name, session string) (key string, isText, ok bool) {
	rest, ok := strings.CutPrefix(name, allNames+session)
	if !ok || rest == "" {
		return "", false, false
	}
	return rest[1:], rest[0] == textKey, rest[0] == textKey || rest[0] == anotherKey
}

// encode returns the data of a value. It fails if the value or the key would not
// come back.
func encode(key, value any) (data []byte, err error) {
	defer catch("encode", &err)
	var b bytes.Buffer
	enc := gob.NewEncoder(&b)
	_, isText := key.(string)
	if !isText {
		if err := enc.Encode(&key); err != nil {
			return nil, fmt.Errorf("key of type %T: %w: %w", key, sessions.ErrInvalidValue, err)
		}
	}
	if value == nil {
		b.Write(nilValue)
	} else if err := enc.Encode(&value); err != nil {
		return nil, fmt.Errorf("value of type %T: %w: %w", value, sessions.ErrInvalidValue, err)
	}
	return b.Bytes(), nil
}

// decode returns what encode was given. If the key is a string, it is in the name,
// not in the data.
func decode(data []byte, isText bool) (key, value any, err error) {
	defer catch("decode", &err)
	r := bytes.NewReader(data) // an io.ByteReader, so that gob reads no further than it must
	dec := gob.NewDecoder(r)
	if !isText {
		if err := dec.Decode(&key); err != nil {
			return nil, nil, fmt.Errorf("key: %w: %w", sessions.ErrInvalidValue, err)
		}
	}
	if bytes.Equal(data[len(data)-r.Len():], nilValue) {
		return key, nil, nil
	}
	if err := dec.Decode(&value); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", sessions.ErrInvalidValue, err)
	}
	if r.Len() > 0 {
		return nil, nil, fmt.Errorf("%w: %d bytes after the value", sessions.ErrInvalidValue, r.Len())
	}
	return key, value, nil
}

// catch makes a panic of a type's own GobEncode or GobDecode an error: one value
// must not make the session unusable.
func catch(op string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %s panicked: %v", sessions.ErrInvalidValue, op, p)
	}
}

// entry is a stored value.
type entry struct {
	name string
	data []byte
}

// entries are the stored values of a gorilla session by their keys.
type entries map[any]entry

// read returns the values that s has of a gorilla session, as the program gets them
// and as they are stored. A value that cannot be decoded is left out, and is an
// error.
func read(s *sessions.Session, session string) (map[any]any, entries, error) {
	values, stored := make(map[any]any), make(entries)
	var failed error
	for _, name := range s.Keys() {
		text, isText, ok := belongs(name, session)
		if !ok {
			continue
		}
		data, err := sessions.Key[[]byte](name).Decode(s)
		if err == nil && len(data) == 0 {
			continue
		}
		var key, value any = text, nil
		if err == nil {
			var k any
			if k, value, err = decode(data, isText); !isText {
				key = k
			}
		}
		if err == nil && !isText {
			var own string
			if own, err = nameOf(session, key); err == nil && own != name {
				err = fmt.Errorf("%w: the key is not that of the name", sessions.ErrInvalidValue)
			}
		}
		if err != nil {
			failed = fmt.Errorf("value %q: %w", name, err)
			continue
		}
		values[key], stored[key] = value, entry{name, data}
	}
	return values, stored, failed
}

// change is what a request does to one value: sets it, or deletes it if the data is
// nil.
type change struct {
	entry
	list *listChange // if it is a list
}

// compare returns what the program has changed in the values since they were as
// stored, and how they are stored then.
func compare(session string, values map[any]any, stored entries) ([]change, entries, error) {
	var changes []change
	now := make(entries, len(values))
	for key, value := range values {
		name, err := nameOf(session, key)
		if err != nil {
			return nil, nil, err
		}
		data, err := encode(key, value)
		if err != nil {
			return nil, nil, fmt.Errorf("%v: %w", name, err)
		}
		old, had := stored[key]
		if had && bytes.Equal(old.data, data) {
			now[key] = old
			continue
		}
		_, isText := key.(string)
		k, v, err := decode(data, isText)
		if err != nil {
			return nil, nil, fmt.Errorf("%v: cannot be read back: %w", name, err)
		}
		if !isText && k != key {
			return nil, nil, fmt.Errorf("%v: %w: the key is read back as another one", name, sessions.ErrInvalidValue)
		}
		if had && sameValue(old.data, isText, v) {
			now[key] = old
			continue
		}
		now[key] = entry{name, data}
		c := change{entry: now[key]}
		if isText {
			c.list = listChangeOf(old.data, v, false)
		}
		changes = append(changes, c)
	}
	for key, old := range stored {
		if _, ok := now[key]; !ok {
			c := change{entry: entry{name: old.name}}
			if _, isText := key.(string); isText {
				c.list = listChangeOf(old.data, nil, true)
			}
			changes = append(changes, c)
		}
	}
	return changes, now, nil
}

// sameValue reports whether the data is of an equal value. gob encodes maps in any
// order, and structs with numbers for types that differ between processes.
func sameValue(data []byte, isText bool, value any) bool {
	_, old, err := decode(data, isText)
	return err == nil && reflect.DeepEqual(old, value)
}
