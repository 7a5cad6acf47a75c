package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// isObject reports whether a text is one JSON object and nothing else. encoding/json takes what is not UTF-8.
func isObject(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, space), []byte("{")) && utf8.Valid(text) && json.Valid(text)
}

const space = " \t\r\n"

// eachField visits the fields of an object that is valid JSON: key and value as they are written.
func eachField(object []byte, visit func(key, value []byte)) {
	rest := bytes.TrimLeft(object, space)[1:]
	for {
		rest = bytes.TrimLeft(rest, space+",")
		if rest[0] == '}' {
			return
		}
		key := rest[:length(rest)]
		rest = bytes.TrimLeft(rest[len(key):], space+":")
		value := rest[:length(rest)]
		rest = rest[len(value):]
		visit(key, value)
	}
}

// length is that of the value that a text begins with, inside an object.
func length(text []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// asString is what a string says; false of any other value, and of none.
func asString(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	if !bytes.ContainsRune(value, '\\') {
		return string(value[1 : len(value)-1]), true
	}
	var text string
	return text, json.Unmarshal(value, &text) == nil
}

// maxWhole is the largest whole number that every reader of JSON holds exactly.
const maxWhole = 1<<53 - 1

// asWhole is the value of a number that is whole and not too large, also where it is written as 3.0 or 3e0.
func asWhole(value []byte) (float64, bool) {
	if len(value) == 0 || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, false
	}
	number, err := strconv.ParseFloat(string(value), 64)
	return number, err == nil && number == math.Trunc(number) && math.Abs(number) <= maxWhole
}

// appendField appends the next field of an object; key and value are as they are to be written.
func appendField(out []byte, key, value []byte) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out = append(append(out, key...), ':')
	return append(out, value...)
}
