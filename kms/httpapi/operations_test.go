package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// prefixes are those of X-Amz-Target.
var prefixes = map[kms.API]string{kms.KMS: "TrentService.", kms.Keyhold: "Keyhold."}

// filled is a shape with something in every member.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(filled(t.Elem()).Addr())
	case reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type))
		}
	case reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(filled(t.Key()), filled(t.Elem()))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64, reflect.Uint8:
		v.Set(reflect.ValueOf(1).Convert(t))
	default:
		panic(fmt.Sprintf("no member is a %s", t))
	}
	return v
}

// formOf is a filled shape as a form. Lists are left out: none is served.
func formOf(t *testing.T, name string, body []byte) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"Action": {name}, "Version": {"2011-06-15"}}
	for k, v := range members {
		if _, isList := v.([]any); !isList {
			form.Set(k, fmt.Sprint(v))
		}
	}
	return form.Encode()
}

func TestEveryOperationIsReachedWithAllItsMembers(t *testing.T) {
	b := newBench(t)
	for _, row := range ops.Table() {
		d := row.Describe()
		t.Run(d.Name, func(t *testing.T) {
			b.t = t
			body, err := api.Encode(filled(reflect.TypeOf(d.NewInput())).Interface())
			if err != nil {
				t.Fatal(err)
			}
			var got reply
			if d.Service == kms.STS {
				got = b.sts(formOf(t, d.Name, body))
			} else {
				got = b.call(prefixes[d.Service]+d.Name, string(body))
			}
			for _, unread := range []string{"Serialization", "Malformed", "UnknownOperation", "InvalidAction", "unknown members", "Internal"} {
				if strings.Contains(got.body, unread) && !strings.Contains(got.body, "MalformedPolicyDocument") {
					t.Errorf("%s gets %d %s", body, got.status, got.body)
				}
			}
			if record := b.audit.of(got.id); len(record) != 1 || record[0]["eventName"] != d.Name {
				t.Errorf("recorded %v", record)
			}
		})
	}
}
