package database

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// withLiterals returns a MySQL statement with literals in place of its question
// marks, for sending it without preparing it. Numbers are decimal, and bytes are
// hexadecimal, so the text is ASCII and no value can end its literal. Escaping
// quotes, as the driver does, is not safe in every character set: in gbk, a
// backslash can be the second byte of a character.
func withLiterals(query string, args []any) (string, error) {
	size := len(query)
	for _, arg := range args {
		if b, ok := arg.([]byte); ok {
			size += 2 * len(b)
		}
		size += 20
	}
	text := make([]byte, 0, size)
	for _, c := range []byte(query) {
		if c != '?' {
			text = append(text, c)
			continue
		}
		if len(args) == 0 {
			return "", errors.New("the statement has more parameters than values")
		}
		switch v := args[0].(type) {
		case int64:
			text = strconv.AppendInt(text, v, 10)
		case int:
			text = strconv.AppendInt(text, int64(v), 10)
		case string:
			text = appendHex(text, []byte(v))
		case []byte:
			text = appendHex(text, v)
		default:
			return "", fmt.Errorf("a value of type %T in a statement", v)
		}
		args = args[1:]
	}
	return string(text), nil
}

func appendHex(text, b []byte) []byte {
	text = append(text, "x'"...)
	text = hex.AppendEncode(text, b)
	return append(text, '\'')
}
