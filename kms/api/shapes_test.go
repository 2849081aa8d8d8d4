package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// input is what the core asks of every input.
type input interface{ Validate() error }

// inputs and outputs are the shapes of every operation in the table, so that a new one is tested and fuzzed without being
// named here. TestEveryStructIsAKnownShape sees to it that none is without an operation.
var inputs, outputs = shapesOfTheTable()

// shapesOfTheTable makes an empty shape of each kind; of outputs without members there is none.
func shapesOfTheTable() (in []input, out []any) {
	for _, row := range ops.Table() {
		d := row.Describe()
		in = append(in, d.NewInput())
		if shape := d.NewOutput(); reflect.TypeOf(shape) != reflect.TypeFor[*api.Void]() {
			out = append(out, shape)
		}
	}
	return in, out
}

// notShapes are the exported structs that are not on the wire as they stand.
var notShapes = []string{"Error", "UnknownMembersError", "Void"}

// structs are the types of all shapes and of the structures inside them.
func structs() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(t.Elem())
		case reflect.Struct:
			found[t.Name()] = t
			for i := range t.NumField() {
				walk(t.Field(i).Type)
			}
		}
	}
	for _, in := range inputs {
		walk(reflect.TypeOf(in))
	}
	for _, out := range outputs {
		walk(reflect.TypeOf(out))
	}
	return found
}

func TestEveryStructIsAKnownShape(t *testing.T) {
	known := structs()
	for _, name := range declaredStructs(t) {
		if _, ok := known[name]; !ok && !slices.Contains(notShapes, name) {
			t.Errorf("%s is in no list of this test", name)
		}
	}
}

// declaredStructs reads the exported struct types from the sources.
func declaredStructs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if _, isStruct := spec.Type.(*ast.StructType); isStruct && spec.Name.IsExported() {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	return names
}

func TestEveryOperationHasShapesOfItsName(t *testing.T) {
	for _, row := range ops.Table() {
		d := row.Describe()
		if got := reflect.TypeOf(d.NewInput()).Elem().Name(); got != d.Name+"Input" {
			t.Errorf("%s has the input %s", d.Name, got)
		}
		if got := reflect.TypeOf(d.NewOutput()).Elem().Name(); got != d.Name+"Output" && got != "Void" {
			t.Errorf("%s has the output %s", d.Name, got)
		}
	}
	if len(inputs) < 34 || len(outputs) == 0 {
		t.Errorf("there are %d inputs and %d outputs", len(inputs), len(outputs))
	}
}

func TestEveryMemberHasAWireNameAndAnAuditClass(t *testing.T) {
	for name, shape := range structs() {
		for i := range shape.NumField() {
			f := shape.Field(i)
			wire, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if wire == "" || !strings.EqualFold(wire, f.Name) {
				t.Errorf("%s.%s: json name %q", name, f.Name, wire)
			}
			if options != "" && options != "omitzero" {
				t.Errorf("%s.%s: json option %q", name, f.Name, options)
			}
			if class := f.Tag.Get("audit"); !slices.Contains([]string{"record", "omit", "digest"}, class) {
				t.Errorf("%s.%s: audit class %q", name, f.Name, class)
			}
		}
	}
}

func TestNoSecretAndNoBlobIsRecorded(t *testing.T) {
	secretNames := []string{"Plaintext", "CiphertextBlob", "CiphertextForRecipient", "GrantTokens", "SecretAccessKey", "SessionToken", "TokenCode", "ContextAssertion"}
	for name, shape := range structs() {
		for i := range shape.NumField() {
			f := shape.Field(i)
			class := f.Tag.Get("audit")
			blob := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Uint8
			if blob && class == "record" {
				t.Errorf("%s.%s is a blob and is recorded", name, f.Name)
			}
			if slices.Contains(secretNames, f.Name) && class != "omit" {
				t.Errorf("%s.%s has audit class %s", name, f.Name, class)
			}
			if class == "digest" && !blob {
				t.Errorf("%s.%s is digested and is no blob", name, f.Name)
			}
		}
	}
}

func TestInputMembersTellAbsentFromEmpty(t *testing.T) {
	for _, in := range inputs {
		shape := reflect.TypeOf(in).Elem()
		for i := range shape.NumField() {
			switch f := shape.Field(i); f.Type.Kind() {
			case reflect.Pointer, reflect.Slice, reflect.Map:
			default:
				t.Errorf("%s.%s cannot be absent", shape.Name(), f.Name)
			}
		}
	}
}
