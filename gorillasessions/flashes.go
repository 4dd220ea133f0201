package gorillasessions

import (
	"reflect"
	"slices"
)

// AddFlash and Flashes of gorilla keep messages in a value of type []any. So that
// parallel requests lose none, a change of such a value is what the request has
// taken from the list and added to it.
type listChange struct {
	taken []any // from the front
	added []any
}

// listChangeOf returns the change from a list that was stored, if any, to another; nil
// if they are no lists.
func listChangeOf(old []byte, now any, deleted bool) *listChange {
	var before []any
	if old != nil {
		_, value, err := decode(old, true)
		list, ok := value.([]any)
		if err != nil || !ok {
			return nil
		}
		before = list
	}
	after, ok := now.([]any)
	switch {
	case deleted && before != nil:
		return &listChange{taken: before}
	case deleted || !ok:
		return nil
	case startsWith(after, before):
		return &listChange{added: after[len(before):]}
	default:
		return &listChange{taken: before, added: after}
	}
}

// apply makes the change to the stored list, which other requests may have changed.
// If they have taken the messages that this one has, their additions stay.
func (l *listChange) apply(data []byte) []byte {
	var list []any
	if len(data) > 0 {
		_, value, _ := decode(data, true)
		list, _ = value.([]any)
	}
	if startsWith(list, l.taken) {
		list = list[len(l.taken):]
	}
	list = slices.Concat(list, l.added)
	if len(list) == 0 {
		return []byte{}
	}
	changed, err := encode("", list)
	if err != nil {
		return data // cannot be: its parts were decoded
	}
	return changed
}

func startsWith(list, start []any) bool {
	return len(list) >= len(start) && reflect.DeepEqual(list[:len(start)], append([]any{}, start...))
}
