package api

import (
	"reflect"
	"strings"
	"sync"
)

// auditClass says what an audit record shows of a member.
type auditClass string

const (
	auditRecord auditClass = "record" // the value
	auditOmit   auditClass = "omit"   // nothing: plaintext, ciphertext, grant tokens, key material
	auditDigest auditClass = "digest" // the SHA-256 digest of the octets
)

// field is one member of a shape, as its tags describe it.
type field struct {
	name     string // on the wire; "" is not on the wire
	optional bool   // left out when absent
	audit    auditClass
}

// shape is what the tags of a struct say, in the order of its fields.
type shape struct {
	fields []field
	byName map[string]int
}

// shapes caches the reading of tags by reflect.Type: it is a pure function of the type.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s, _ := shapes.LoadOrStore(t, readShape(t))
	return s.(*shape)
}

func readShape(t reflect.Type) *shape {
	s := &shape{byName: make(map[string]int, t.NumField())}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, options, _ := strings.Cut(tag.Get("json"), ",")
		s.fields = append(s.fields, field{name: name, optional: options == "omitzero", audit: auditClass(tag.Get("audit"))})
		if name != "" {
			s.byName[name] = i
		}
	}
	return s
}

var (
	timeType = reflect.TypeFor[Time]()
	byteType = reflect.TypeFor[byte]()
)

// isBlob tells []byte and the types made of it.
func isBlob(t reflect.Type) bool { return t.Kind() == reflect.Slice && t.Elem() == byteType }

// lowerCamel is a member's name as validation messages and audit records spell it: KeyId becomes keyId.
func lowerCamel(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}
