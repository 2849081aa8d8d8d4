package api

import (
	"fmt"
	"reflect"
	"strings"
)

// UnknownPolicy says what to do with members that the shape does not have.
type UnknownPolicy int

// The policies.
const (
	IgnoreUnknown UnknownPolicy = iota + 1 // as AWS does: newer clients send newer members
	RefuseUnknown                          // for a person's input, where an unknown name is a mistake
)

// Decode reads the JSON text of a shape into the struct that into points to, which it empties first. Names are exact:
// no other case of letters is taken. null is an absent member. What could be read in two ways is refused: a member or a
// map key twice, invalid UTF-8, half a surrogate pair, null in a list or map, loose base64, text after the value. Data is
// at most MaxBody bytes and nests at most 32 deep.
//
// Errors are a SerializationException with the text of AWS's framework where that is known, a
// RequestEntityTooLargeException, or under RefuseUnknown an *UnknownMembersError. After an error *into is not meaningful
// but may hold plaintext. Strings and blobs are copies: data may be wiped afterwards.
func Decode(data []byte, into any, unknown UnknownPolicy) error {
	if len(data) > MaxBody {
		return RequestTooLarge()
	}
	return decode(data, into, unknown)
}

// DecodeAnswer is Decode for a server's answer: members that the shape does not have are passed over, and whoever read
// data has bounded its length.
func DecodeAnswer(data []byte, into any) error { return decode(data, into, IgnoreUnknown) }

func decode(data []byte, into any, unknown UnknownPolicy) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode into %T: want a pointer to a struct", into)
	}
	target.Elem().SetZero()
	d := decoder{scanner: scanner{data: data}}
	if c := d.peek(); c != '{' && c != '[' {
		return malformed()
	}
	if err := d.value(target.Elem(), ""); err != nil {
		return err
	}
	if d.peek(); d.pos != len(d.data) {
		return malformed()
	}
	if unknown == RefuseUnknown && len(d.unknown.Members) > 0 {
		return &d.unknown
	}
	return nil
}

// decoder binds JSON text to shapes.
type decoder struct {
	scanner
	depth   int
	unknown UnknownMembersError
}

// malformed answers what is not JSON, or no object: AWS sends no message.
func malformed() error { return say(SerializationException, "") }

func serialization(format string, args ...any) error {
	return say(SerializationException, fmt.Sprintf(format, args...))
}

// value reads the next value into v, which is not a pointer. path is for messages.
func (d *decoder) value(v reflect.Value, path string) error {
	switch t := v.Type(); {
	case t.Kind() == reflect.Struct:
		return d.object(v, path)
	case isBlob(t):
		return d.blob(v, path)
	case t.Kind() == reflect.Slice:
		return d.list(v, path)
	case t.Kind() == reflect.Map:
		return d.pairs(v, path)
	case t == timeType:
		return d.timestamp(v)
	case t.Kind() == reflect.String:
		text, err := d.text("a String")
		v.SetString(string(text))
		return err
	case t.Kind() == reflect.Bool:
		return d.boolean(v)
	case t.Kind() == reflect.Int32:
		return d.integer(v)
	default:
		return fmt.Errorf("decode: no wire form for %s", t)
	}
}

// optional reads a member, which null leaves absent.
func (d *decoder) optional(v reflect.Value, path string) error {
	if d.peek() == 'n' {
		if !d.word("null") {
			return malformed()
		}
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	return d.value(v, path)
}

func (d *decoder) object(v reflect.Value, path string) error {
	s := shapeOf(v.Type())
	return d.members(path, func(name, path string) error {
		i, known := s.byName[name]
		if known {
			return d.optional(v.Field(i), path)
		}
		d.unknown.note(path + s.hint(name))
		return d.discard()
	})
}

// hint proposes the member that differs in the case of letters only.
func (s *shape) hint(name string) string {
	for _, f := range s.fields {
		if strings.EqualFold(f.name, name) {
			return " (did you mean " + f.name + "?)"
		}
	}
	return ""
}

// members reads an object and hands each name to member, with its path for messages. It must read the value.
func (d *decoder) members(path string, member func(name, path string) error) error {
	if d.peek() == '[' {
		return serialization("Start of list found where not expected")
	}
	if d.peek() != '{' {
		return d.mismatch("Expected null")
	}
	d.pos++
	seen := make(map[string]bool)
	return d.sequence('}', func() error {
		raw, ok := d.str()
		if !ok || !d.take(':') {
			return malformed()
		}
		name := string(raw)
		at := strings.TrimPrefix(path+"."+shortName(name), ".")
		if seen[name] {
			return serialization("Duplicate member %s", at)
		}
		seen[name] = true
		return member(name, at)
	})
}

// sequence reads what stands between an opening bracket, which is consumed, and the closing one.
func (d *decoder) sequence(end byte, item func() error) error {
	if d.depth++; d.depth > maxDepth {
		return serialization("Nested too deeply")
	}
	defer func() { d.depth-- }()
	if d.take(end) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if d.take(end) {
			return nil
		}
		if !d.take(',') {
			return malformed()
		}
	}
}

func (d *decoder) list(v reflect.Value, path string) error {
	switch d.peek() {
	case '[':
		d.pos++
	case '{':
		return serialization(structureUnexpected)
	default:
		return d.mismatch("Expected list or null")
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return d.sequence(']', func() error {
		if d.peek() == 'n' {
			return d.mismatch("null found in list %s", path)
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(item, fmt.Sprintf("%s[%d]", path, v.Len())); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
		return nil
	})
}

func (d *decoder) pairs(v reflect.Value, path string) error {
	v.Set(reflect.MakeMap(v.Type()))
	return d.members(path, func(name, at string) error {
		if d.peek() == 'n' {
			return d.mismatch("null found in map %s", path)
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(value, at); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
		return nil
	})
}
