package client

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
)

const queryVersion = "2011-06-15"

// encodeForm writes a request as a form (Smithy 2.0, "AWS query protocol", "Query key resolution"): members of structures
// behind a dot, and lists as NAME.member.1, NAME.member.2. What is absent is left out.
func encodeForm(operation string, in Input) ([]byte, error) {
	form := []byte("Action=" + url.QueryEscape(operation) + "&Version=" + queryVersion)
	return appendForm(form, "", reflect.ValueOf(in))
}

func appendForm(form []byte, name string, v reflect.Value) ([]byte, error) {
	v = reflect.Indirect(v)
	switch v.Kind() {
	case reflect.Invalid:
		return form, nil
	case reflect.String:
		return appendPair(form, name, v.String()), nil
	case reflect.Int32:
		return appendPair(form, name, strconv.FormatInt(v.Int(), 10)), nil
	case reflect.Slice:
		return appendList(form, name, v)
	case reflect.Struct:
		return appendMembers(form, name, v)
	}
	return form, fmt.Errorf("the query protocol has no form for %s, a %s", name, v.Type())
}

// appendPair wipes what it grows out of: a parameter may be a code that is secret.
func appendPair(form []byte, name, value string) []byte {
	pair := "&" + name + "=" + url.QueryEscape(value)
	if len(form)+len(pair) <= cap(form) {
		return append(form, pair...)
	}
	defer secret.Wipe(form)
	return append(append(make([]byte, 0, 2*(len(form)+len(pair))), form...), pair...)
}

func appendList(form []byte, name string, list reflect.Value) (_ []byte, err error) {
	for i := range list.Len() {
		if form, err = appendForm(form, name+".member."+strconv.Itoa(i+1), list.Index(i)); err != nil {
			return form, err
		}
	}
	return form, nil
}

func appendMembers(form []byte, name string, shape reflect.Value) (_ []byte, err error) {
	if name != "" {
		name += "."
	}
	for i := range shape.NumField() {
		if form, err = appendForm(form, name+wireName(shape.Type().Field(i)), shape.Field(i)); err != nil {
			return form, err
		}
	}
	return form, nil
}

// wireName is a member's name, which is the same in each protocol.
func wireName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
