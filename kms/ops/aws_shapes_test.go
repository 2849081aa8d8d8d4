package ops_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
)

// vocabulary is a type of package keyspec and its values.
type vocabulary struct {
	of     reflect.Type
	values []string
}

func setOf[T ~string](s keyspec.Set[T]) vocabulary { return words(s.Values()...) }

func words[T ~string](values ...T) vocabulary {
	v := vocabulary{of: reflect.TypeFor[T]()}
	for _, value := range values {
		v.values = append(v.values, string(value))
	}
	return v
}

// vocabularies are those of AWS's enums, by AWS's names.
var vocabularies = map[string]vocabulary{
	"CustomerMasterKeySpec":      setOf(keyspec.CustomerMasterKeySpecs),
	"DataKeySpec":                setOf(keyspec.DataKeySpecs),
	"DryRunModifierType":         setOf(keyspec.DryRunModifiers),
	"EncapsulationAlgorithmSpec": setOf(keyspec.EncapsulationAlgorithms),
	"EncryptionAlgorithmSpec":    setOf(keyspec.EncryptionAlgorithms),
	"ExpirationModelType":        words(keyspec.MaterialExpires, keyspec.MaterialDoesNotExpire),
	"GrantOperation":             setOf(keyspec.GrantOperations),
	"ImportState":                words(keyspec.Imported, keyspec.ImportStillPending),
	"IncludeKeyMaterial":         setOf(keyspec.IncludeKeyMaterials),
	"KeyAgreementAlgorithmSpec":  setOf(keyspec.KeyAgreementAlgorithms),
	"KeyEncryptionMechanism":     setOf(keyspec.KeyEncryptionMechanisms),
	"KeyManagerType":             setOf(keyspec.KeyManagers),
	"KeyMaterialState": words(keyspec.MaterialNonCurrent, keyspec.MaterialCurrent, keyspec.MaterialPendingRotation,
		keyspec.MaterialPendingMultiRegionImport),
	"KeySpec":              setOf(keyspec.KeySpecs),
	"KeyState":             setOf(keyspec.KeyStates),
	"KeyUsageType":         setOf(keyspec.KeyUsages),
	"MacAlgorithmSpec":     setOf(keyspec.MacAlgorithms),
	"MultiRegionKeyType":   words(keyspec.MultiRegionPrimary, keyspec.MultiRegionReplica),
	"OriginType":           setOf(keyspec.Origins),
	"RotationType":         setOf(keyspec.RotationTypes),
	"SigningAlgorithmSpec": setOf(keyspec.SigningAlgorithms),
}

// kinds are the types of the other members.
var kinds = map[string]reflect.Type{
	"text": reflect.TypeFor[string](), "blob": reflect.TypeFor[[]byte](), "secret": reflect.TypeFor[api.Sensitive](),
	"int": reflect.TypeFor[int32](), "bool": reflect.TypeFor[bool](), "time": reflect.TypeFor[api.Time](),
	"texts": reflect.TypeFor[api.EncryptionContext](),
}

// awsRows are the operations of AWS KMS in the table of operations.
func awsRows() map[string]kms.Description {
	rows := map[string]kms.Description{}
	for _, row := range ops.Table() {
		if d := row.Describe(); d.Service == kms.KMS {
			rows[d.Name] = d
		}
	}
	return rows
}

func TestEveryOperationOfAWSIsServedOrRefusedByName(t *testing.T) {
	table := theAWSTable(t)
	if served, want := slices.Sorted(maps.Keys(awsRows())), slices.Sorted(maps.Keys(table.operations)); !slices.Equal(served, want) {
		t.Errorf("served are %v\nAWS has %v", served, want)
	}
	if refused := slices.Sorted(maps.Keys(api.UnservedOperations())); !slices.Equal(refused, table.unserved) {
		t.Errorf("refused by name are %v\nAWS has %v", refused, table.unserved)
	}
	if n := len(table.operations) + len(table.unserved); n != 56 {
		t.Errorf("the table has %d operations; AWS KMS has 56", n)
	}
}

func TestTheVocabulariesAreThoseOfAWS(t *testing.T) {
	table := theAWSTable(t)
	for name, want := range table.enums {
		if got := vocabularies[name].values; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	if len(table.enums) != len(vocabularies) {
		t.Errorf("%d enums in the table, %d vocabularies", len(table.enums), len(vocabularies))
	}
}

// TestTheShapesAreThoseOfAWS compares names, order and types of all members, in both directions.
func TestTheShapesAreThoseOfAWS(t *testing.T) {
	table := theAWSTable(t)
	compared := map[string]bool{}
	for name, d := range awsRows() {
		row := table.operations[name]
		if row == nil {
			continue // which another test tells
		}
		c := shapeComparison{t: t, table: table, compared: compared}
		c.members(name+" in", row.in, reflect.TypeOf(d.NewInput()).Elem(), true)
		c.members(name+" out", row.out, reflect.TypeOf(d.NewOutput()).Elem(), false)
	}
	for name := range table.structures {
		if !compared[name] {
			t.Errorf("no shape has the structure %s", name)
		}
	}
}

type shapeComparison struct {
	t        *testing.T
	table    *awsTable
	compared map[string]bool
}

func (c shapeComparison) members(path string, want []awsMember, shape reflect.Type, input bool) {
	var names []string
	for _, m := range want {
		if m.note != "absent" {
			names = append(names, m.name)
		}
	}
	var got []string
	for i := range shape.NumField() {
		f := shape.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		got = append(got, name)
		if at := slices.IndexFunc(want, func(m awsMember) bool { return m.name == name }); at >= 0 {
			if wrong := c.kind(path+"."+name, want[at].awsKind, f.Type, input); wrong != "" {
				c.t.Errorf("%s.%s is a %s, want %s", path, name, f.Type, wrong)
			}
		}
	}
	if !slices.Equal(got, names) {
		c.t.Errorf("%s has the members\n%v, want\n%v", path, got, names)
	}
}

// kind tells what the type should be, or "" when it is that.
func (c shapeComparison) kind(path string, want awsKind, got reflect.Type, input bool) string {
	if got.Kind() == reflect.Pointer {
		got = got.Elem()
	} else if input && got.Kind() != reflect.Slice && got.Kind() != reflect.Map && got.Kind() != reflect.Struct {
		return "a pointer, which can be absent"
	}
	if want.kind == "list" {
		if got.Kind() != reflect.Slice {
			return "a list"
		}
		return c.kind(path+"[]", *want.element, got.Elem(), false)
	}
	if of, ok := kinds[want.kind]; ok {
		if got != of {
			return want.kind
		}
		return ""
	}
	if enum, ok := vocabularies[want.kind]; ok {
		if got != enum.of {
			return enum.of.String()
		}
		return ""
	}
	if c.table.structures[want.kind] == nil || got.Name() != strings.TrimSuffix(want.kind, "Type") {
		return want.kind
	}
	if !c.compared[want.kind] {
		c.compared[want.kind] = true
		c.members(want.kind, c.table.structures[want.kind], got, false)
	}
	return ""
}

// TestWhatTheTableCallsRefusedIs compares its notes with what the shapes refuse, as docs/operations.md lists it.
func TestWhatTheTableCallsRefusedIs(t *testing.T) {
	table := theAWSTable(t)
	for name, d := range awsRows() {
		var want, got []string
		for _, m := range table.operations[name].in {
			if m.note == "refused" {
				want = append(want, m.name)
			}
		}
		for _, member := range unserved(d) {
			member, _, _ = strings.Cut(member, ":")
			got = append(got, member)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s refuses %v, the table has %v", name, got, want)
		}
	}
}
