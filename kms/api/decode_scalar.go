package api

import (
	"bytes"
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"
)

const structureUnexpected = "Start of structure or map found where not expected."

// text reads a string; what names the type for the message.
func (d *decoder) text(what string) ([]byte, error) {
	if d.peek() != '"' {
		return nil, d.unexpected(what)
	}
	raw, ok := d.str()
	if !ok {
		return nil, malformed()
	}
	return raw, nil
}

// blob reads strict standard base64: what decodes must encode to the same text.
func (d *decoder) blob(v reflect.Value, path string) error {
	text, err := d.text("a Blob")
	if err != nil {
		return err
	}
	defer clear(text)
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") { // which the decoder passes over
		clear(out)
		return serialization("Invalid base64 in %s", path)
	}
	v.SetBytes(out[:n:n])
	return nil
}

func (d *decoder) boolean(v reflect.Value) error {
	switch c := d.peek(); c {
	case 't', 'f':
		v.SetBool(c == 't')
		if !d.word(strconv.FormatBool(c == 't')) {
			return malformed()
		}
		return nil
	default:
		return d.unexpected("a Boolean")
	}
}

// integer cuts off a fraction, as AWS does.
func (d *decoder) integer(v reflect.Value) error {
	const what = "an Integer"
	number, err := d.number(what)
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(number, 64)
	if f = math.Trunc(f); err != nil || f < math.MinInt32 || f > math.MaxInt32 {
		return serialization("NUMBER_VALUE can not be converted to %s", what)
	}
	v.SetInt(int64(f))
	return nil
}

func (d *decoder) timestamp(v reflect.Value) error {
	const what = "a Timestamp"
	number, err := d.number(what)
	if err != nil {
		return err
	}
	t, ok := parseTime(number)
	if !ok {
		return serialization("NUMBER_VALUE can not be converted to %s", what)
	}
	v.SetInt(int64(t))
	return nil
}

func (d *decoder) number(what string) (string, error) {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return "", d.unexpected(what)
	}
	number, ok := d.scanner.number()
	if !ok {
		return "", malformed()
	}
	return number, nil
}

// unexpected reads the next value and answers that it is not the scalar wanted.
func (d *decoder) unexpected(what string) error {
	token := map[byte]string{'"': "STRING_VALUE", 't': "TRUE_VALUE", 'f': "FALSE_VALUE"}
	switch c := d.peek(); c {
	case '{':
		return serialization(structureUnexpected)
	case '[':
		return serialization("Expected null")
	case '"', 't', 'f':
		return d.mismatch("%s can not be converted to %s", token[c], what)
	default:
		return d.mismatch("NUMBER_VALUE can not be converted to %s", what)
	}
}

// mismatch reads the next value and answers with the message, or that the text is not JSON.
func (d *decoder) mismatch(format string, args ...any) error {
	if err := d.discard(); err != nil {
		return err
	}
	return serialization(format, args...)
}

// discard reads a value of any kind, of which nothing is kept.
func (d *decoder) discard() error {
	ok := true
	switch c := d.peek(); c {
	case '{':
		return d.members("", func(string, string) error { return d.discard() })
	case '[':
		d.pos++
		return d.sequence(']', d.discard)
	case '"':
		_, ok = d.str()
	case 't', 'f', 'n':
		ok = slices.ContainsFunc([]string{"true", "false", "null"}, d.word)
	default:
		_, ok = d.scanner.number()
	}
	if !ok {
		return malformed()
	}
	return nil
}
