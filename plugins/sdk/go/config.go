package plugin

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decode reads the JSON text of a stage's configuration into a value of the plugin's type. encoding/json lets much
// pass and speaks of Go's types, so the text is held against the type before: the error names the key, for whoever
// wrote the pipeline file. null (the file has no `config:`) is an empty map.
func decode(text string, config any) error {
	if strings.TrimSpace(text) == "null" {
		text = "{}"
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var found any
	if err := decoder.Decode(&found); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("config: something follows the JSON text")
	}
	if err := check("config", found, reflect.TypeOf(config).Elem()); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// check holds a value against the type it is to be decoded into.
func check(path string, found any, kind reflect.Type) error {
	if pointer := reflect.PointerTo(kind); pointer.Implements(jsonUnmarshaler) {
		return checkOwn(path, found, kind)
	} else if pointer.Implements(textUnmarshaler) {
		if _, ok := found.(string); !ok {
			return unlike(path, "a string", found)
		}
		return checkOwn(path, found, kind)
	}
	switch kind.Kind() {
	case reflect.Pointer:
		if found == nil {
			return nil
		}
		return check(path, found, kind.Elem())
	case reflect.Struct:
		return checkStruct(path, found, kind)
	case reflect.Map:
		return checkMap(path, found, kind)
	case reflect.Slice, reflect.Array:
		return checkList(path, found, kind)
	case reflect.Interface:
		return nil
	default:
		return checkScalar(path, found, kind)
	}
}

// checkOwn asks a type that decodes itself.
func checkOwn(path string, found any, kind reflect.Type) error {
	text, err := json.Marshal(found)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(kind).Interface())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func checkScalar(path string, found any, kind reflect.Type) error {
	number, isNumber := found.(json.Number)
	switch kind.Kind() {
	case reflect.String:
		if _, ok := found.(string); !ok {
			return unlike(path, "a string", found)
		}
	case reflect.Bool:
		if _, ok := found.(bool); !ok {
			return unlike(path, "a boolean", found)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if _, err := strconv.ParseInt(number.String(), 10, kind.Bits()); !isNumber || err != nil {
			return unlike(path, whole(err, "", kind.Bits()), found)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if _, err := strconv.ParseUint(number.String(), 10, kind.Bits()); !isNumber || err != nil {
			if strings.HasPrefix(number.String(), "-") {
				return unlike(path, "a whole number from 0", found)
			}
			return unlike(path, whole(err, "from 0 ", kind.Bits()), found)
		}
	case reflect.Float32, reflect.Float64:
		if _, err := strconv.ParseFloat(number.String(), kind.Bits()); !isNumber || err != nil {
			return unlike(path, "a number", found)
		}
	default:
		return fmt.Errorf("%s: the plugin's configuration cannot hold a %s", path, kind)
	}
	return nil
}

func whole(err error, from string, bits int) string {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Sprintf("a whole number %sof %d bits", from, bits)
	}
	return "a whole number"
}

func checkList(path string, found any, kind reflect.Type) error {
	if kind.Elem().Kind() == reflect.Uint8 && kind.Kind() == reflect.Slice {
		if _, ok := found.(string); !ok {
			return unlike(path, "a string", found)
		}
		return checkOwn(path, found, kind)
	}
	list, ok := found.([]any)
	if !ok {
		return unlike(path, "a list", found)
	}
	for i, element := range list {
		if err := check(fmt.Sprintf("%s[%d]", path, i), element, kind.Elem()); err != nil {
			return err
		}
	}
	return nil
}

func checkMap(path string, found any, kind reflect.Type) error {
	entries, ok := found.(map[string]any)
	if !ok {
		return unlike(path, "a map", found)
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := check(path+"."+key, entries[key], kind.Elem()); err != nil {
			return err
		}
	}
	return nil
}

func checkStruct(path string, found any, kind reflect.Type) error {
	entries, ok := found.(map[string]any)
	if !ok {
		return unlike(path, "a map", found)
	}
	fields := fieldsOf(kind)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		at := slices.IndexFunc(fields, func(field field) bool { return field.name == key })
		if at < 0 {
			return fmt.Errorf("%s.%s: unknown key, expected %s", path, key, alternatives(fields))
		}
		if err := check(path+"."+key, entries[key], fields[at].kind); err != nil {
			return err
		}
	}
	for _, field := range fields {
		if _, ok := entries[field.name]; !ok && field.required {
			return fmt.Errorf("%s.%s: missing", path, field.name)
		}
	}
	return nil
}

// field is a field of a struct as encoding/json sees it.
type field struct {
	name     string
	kind     reflect.Type
	required bool
}

func fieldsOf(kind reflect.Type) []field {
	var fields []field
	for i := range kind.NumField() {
		of := kind.Field(i)
		tag, options, _ := strings.Cut(of.Tag.Get("json"), ",")
		switch {
		case tag == "-" && options == "":
			continue
		case of.Anonymous && tag == "" && of.Type.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(of.Type)...)
			continue
		case !of.IsExported():
			continue
		case tag == "":
			tag = of.Name
		}
		words := strings.Split(options, ",")
		optional := slices.Contains(words, "omitempty") || slices.Contains(words, "omitzero")
		fields = append(fields, field{tag, of.Type, !optional && of.Type.Kind() != reflect.Pointer})
	}
	return fields
}

// alternatives are the names of fields, as in `a, b or c`.
func alternatives(fields []field) string {
	var text strings.Builder
	for i, field := range fields {
		switch {
		case i == 0:
		case i == len(fields)-1:
			text.WriteString(" or ")
		default:
			text.WriteString(", ")
		}
		text.WriteString(field.name)
	}
	if text.Len() == 0 {
		return "no key"
	}
	return text.String()
}

func unlike(path, expected string, found any) error {
	return fmt.Errorf("%s: expected %s, found %s", path, expected, inWords(found))
}

// inWords names a value for someone who knows YAML.
func inWords(found any) string {
	switch found := found.(type) {
	case string:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if encoder.Encode(found) != nil {
			return "a text"
		}
		return "the text " + strings.TrimSpace(text.String())
	case json.Number:
		return "the number " + found.String()
	case bool:
		return strconv.FormatBool(found)
	case nil:
		return "null"
	case []any:
		return "a list"
	default:
		return "a map"
	}
}
