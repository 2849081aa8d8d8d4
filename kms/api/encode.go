package api

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// Encode is the JSON text of a shape, a pointer to one, or an *Error's fields by Error.Body. Members stand in the order
// of the shape and map keys are sorted, so that one value has one text. Absent optional members are left out, lists that
// are always sent are [] when empty, blobs are standard base64 with padding, times are seconds, and nothing is escaped
// that JSON lets stand. A Void is {}; the HTTP layer sends no octets for it.
//
// The result holds plaintext when the shape does: wipe it after sending. It fails for types that no shape is made of.
func Encode(out any) ([]byte, error) {
	var w writer
	if err := w.value(reflect.ValueOf(out)); err != nil {
		clear(w.buf)
		return nil, err
	}
	return w.buf, nil
}

func (w *writer) value(v reflect.Value) error {
	if !v.IsValid() {
		return fmt.Errorf("encode: no value")
	}
	switch t := v.Type(); {
	case t == timeType:
		w.raw(string(Time(v.Int()).appendJSON(nil)))
	case isBlob(t):
		w.base64(v.Bytes())
	case t.Kind() == reflect.Pointer && !v.IsNil():
		return w.value(v.Elem())
	case t.Kind() == reflect.Struct:
		return w.object(v)
	case t.Kind() == reflect.Slice:
		return w.list(v)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String:
		w.pairs(v)
	case t.Kind() == reflect.String:
		w.text(v.String())
	case t.Kind() == reflect.Bool:
		w.raw(strconv.FormatBool(v.Bool()))
	case t.Kind() == reflect.Int32:
		w.raw(strconv.FormatInt(v.Int(), 10))
	default:
		return fmt.Errorf("encode: no wire form for %s", t)
	}
	return nil
}

func (w *writer) object(v reflect.Value) error {
	w.raw("{")
	separator := ""
	for i, f := range shapeOf(v.Type()).fields {
		if f.name == "" || f.optional && v.Field(i).IsZero() {
			continue
		}
		w.raw(separator)
		w.text(f.name)
		w.raw(":")
		if err := w.value(v.Field(i)); err != nil {
			return err
		}
		separator = ","
	}
	w.raw("}")
	return nil
}

func (w *writer) list(v reflect.Value) error {
	w.raw("[")
	for i := range v.Len() {
		if i > 0 {
			w.raw(",")
		}
		if err := w.value(v.Index(i)); err != nil {
			return err
		}
	}
	w.raw("]")
	return nil
}

func (w *writer) pairs(v reflect.Value) {
	names := make([]string, 0, v.Len())
	for _, name := range v.MapKeys() {
		names = append(names, name.String())
	}
	slices.Sort(names)
	w.raw("{")
	for i, name := range names {
		if i > 0 {
			w.raw(",")
		}
		w.text(name)
		w.raw(":")
		w.text(v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key())).String())
	}
	w.raw("}")
}
