package api

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
)

// AuditFields is what an audit record shows of a shape or a pointer to one: its members under lower-camel names, as
// CloudTrail spells them, without what is absent. A member tagged omit is left out; of one tagged digest only the SHA-256
// digest of its octets stands, in hexadecimal under the name with Sha256 added. A Sensitive and a SecretText are left out
// whatever their tag. Times are RFC 3339 text, structures are maps, lists are []any. It is nil for a shape without members
// to show.
func AuditFields(shape any) map[string]any {
	v := reflect.ValueOf(shape)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	return auditObject(v)
}

func auditObject(v reflect.Value) map[string]any {
	var out map[string]any
	put := func(name string, value any) {
		if out == nil {
			out = make(map[string]any)
		}
		out[name] = value
	}
	for i, f := range shapeOf(v.Type()).fields {
		member := v.Field(i)
		if isSecret(member.Type()) || f.optional && member.IsZero() {
			continue
		}
		switch f.audit {
		case auditRecord:
			put(lowerCamel(f.name), auditValue(member))
		case auditDigest:
			digest := sha256.Sum256(member.Bytes())
			put(lowerCamel(f.name)+"Sha256", hex.EncodeToString(digest[:]))
		case auditOmit:
		}
	}
	return out
}

// isSecret tells the types that are never recorded, whatever their tag.
func isSecret(t reflect.Type) bool {
	return t == reflect.TypeFor[Sensitive]() || t == reflect.TypeFor[SecretText]() || t == reflect.TypeFor[*SecretText]()
}

// auditValue is a plain value: a recorded one must not share memory with the request.
func auditValue(v reflect.Value) any {
	switch t := v.Type(); {
	case t.Kind() == reflect.Pointer:
		return auditValue(v.Elem())
	case t == timeType:
		return Time(v.Int()).String()
	case t.Kind() == reflect.Struct:
		return auditObject(v)
	case t.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = auditValue(v.Index(i))
		}
		return list
	case t.Kind() == reflect.Map:
		pairs := make(map[string]any, v.Len())
		for entry := v.MapRange(); entry.Next(); {
			pairs[entry.Key().String()] = entry.Value().String()
		}
		return pairs
	case t.Kind() == reflect.String:
		return v.String()
	case t.Kind() == reflect.Bool:
		return v.Bool()
	}
	return v.Int()
}
