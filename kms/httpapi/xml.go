package httpapi

import (
	"bytes"
	"encoding/xml"
	"reflect"
	"strconv"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// element is one XML element: text or children.
type element struct {
	name, namespace, text string
	children              []element
}

// elementOf is a value of an answer in the forms of the query protocol: structures by their members' names, lists of
// member elements, instants in RFC 3339 to the second. Absent members are left out.
func elementOf(name string, v reflect.Value) element {
	v = reflect.Indirect(v)
	e := element{name: name}
	switch at, isTime := value(v).(api.Time); {
	case isTime:
		e.text = at.Time().Format(time.RFC3339)
	case v.Kind() == reflect.String:
		e.text = v.String()
	case v.Kind() == reflect.Bool:
		e.text = strconv.FormatBool(v.Bool())
	case v.Kind() == reflect.Int32:
		e.text = strconv.FormatInt(v.Int(), 10)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			e.children = append(e.children, elementOf("member", v.Index(i)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				e.children = append(e.children, elementOf(wireName(v.Type().Field(i)), v.Field(i)))
			}
		}
	}
	return e
}

func value(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	return v.Interface()
}

// firstEncoding is more than an answer with credentials takes, so that there is one copy of them to wipe.
const firstEncoding = 8 << 10

func (e element) encode() []byte {
	var b bytes.Buffer
	b.Grow(firstEncoding)
	e.append(&b)
	return b.Bytes()
}

func (e element) append(b *bytes.Buffer) {
	b.WriteString("<" + e.name)
	if e.namespace != "" {
		b.WriteString(` xmlns="` + e.namespace + `"`)
	}
	b.WriteString(">")
	text := []byte(e.text)
	defer secret.Wipe(text)
	_ = xml.EscapeText(b, text) // a bytes.Buffer does not fail
	for _, c := range e.children {
		c.append(b)
	}
	b.WriteString("</" + e.name + ">")
}
