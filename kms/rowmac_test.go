package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/device"
)

// macToken authenticates as a token does and can do nothing else.
type macToken struct {
	Device
	err error
}

func (m macToken) MAC(_ context.Context, id device.ObjectID, message []byte) ([]byte, error) {
	if m.err != nil {
		return nil, m.err
	}
	h := hmac.New(sha256.New, id[:])
	h.Write(message)
	return h.Sum(nil), nil
}

// tables has one empty row of every table with authentication codes.
func tables() []authenticRow {
	return []authenticRow{
		&KeyRow{}, &GenerationRow{}, &UsesRow{}, &PolicyRow{}, &TagRow{}, &AliasRow{}, &BirthRow{}, &MetaRow{}, &EventRow{},
		&AccountRow{}, &PrincipalRow{}, &PrincipalPolicyRow{}, &AccessKeyRow{}, &SessionKeyRow{}, &GrantRow{},
	}
}

// column is one leaf of a row: a column, or one part of a compound one.
type column struct {
	name  string
	value reflect.Value
}

func columns(v reflect.Value, name string) []column {
	if v.Kind() == reflect.Struct {
		var all []column
		for i := range v.NumField() {
			all = append(all, columns(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
		return all
	}
	return []column{{name, v}}
}

func columnsOf(r authenticRow) []column {
	v := reflect.ValueOf(r).Elem()
	return columns(v, v.Type().Name())
}

// short are values that would run into each other if columns had no lengths.
var short = []string{"", "a", "b", "aa", "ab", "\x00", "\x00\x00\x00\x01a", "keys", "uses"}

// draw puts a value into a column.
func (c column) draw(r *rand.Rand) {
	switch c.value.Kind() {
	case reflect.String:
		c.value.SetString(short[r.IntN(len(short))])
	case reflect.Slice:
		c.value.SetBytes([]byte(short[r.IntN(len(short))]))
	case reflect.Array:
		c.value.Index(r.IntN(c.value.Len())).SetUint(uint64(r.IntN(2)))
	case reflect.Bool:
		c.value.SetBool(r.IntN(2) == 1)
	case reflect.Int, reflect.Int64:
		c.value.SetInt([]int64{0, 1, -1, 1 << 40}[r.IntN(4)])
	case reflect.Uint32, reflect.Uint64:
		c.value.SetUint([]uint64{0, 1, 1<<32 - 1}[r.IntN(3)])
	default:
		panic("no values for " + c.name)
	}
}

// content is a row without its code, for comparison.
func content(r authenticRow) string {
	var text strings.Builder
	for _, c := range columnsOf(r) {
		if !strings.HasSuffix(c.name, "Row.MAC") {
			fmt.Fprintf(&text, "%s=%q;", c.name, fmt.Sprint(c.value.Interface()))
		}
	}
	return text.String()
}

func TestTwoDifferentRowsNeverHaveTheSameOctets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{}
	for range 500 {
		for _, row := range tables() {
			for _, c := range columnsOf(row) {
				if r.IntN(3) == 0 {
					c.draw(r)
				}
			}
			octets, is := string(row.octets()), content(row)
			if was, taken := seen[octets]; taken && was != is {
				t.Fatalf("the rows\n%s\n%s\nhave the same octets %x", was, is, octets)
			}
			seen[octets] = is
		}
	}
}

func TestEveryColumnOfEveryRowIsAuthenticatedAndNothingElseIs(t *testing.T) {
	signer := rowSigner{device: macToken{}, key: device.ObjectID{1}}
	other := rowSigner{device: macToken{}, key: device.ObjectID{2}}
	r := rand.New(rand.NewPCG(3, 4))
	for i, row := range tables() {
		if err := signer.sign(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		if err := signer.verify(t.Context(), row); err != nil {
			t.Errorf("%s as it was signed: %v", row.what(), err)
		}
		if _, ok := isTampered(other.verify(t.Context(), row)); !ok {
			t.Errorf("%s passes under another key", row.what())
		}
		for _, c := range columnsOf(row) {
			was, content := reflect.New(c.value.Type()).Elem(), row.octets()
			was.Set(c.value)
			for reflect.DeepEqual(c.value.Interface(), was.Interface()) {
				if c.draw(r); c.value.Kind() == reflect.Slice && c.value.Len() == was.Len() {
					c.value.SetBytes([]byte("other"))
				}
			}
			tampered, ok := isTampered(signer.verify(t.Context(), row))
			if !ok || !strings.HasPrefix(tampered.Row, "table ") || tampered.Error() != tampered.Row+": "+tampered.Reason {
				t.Errorf("%s may be changed: %v", c.name, tampered)
			}
			c.value.Set(was)
			if string(row.octets()) != string(content) {
				t.Fatalf("%s was not put back", c.name)
			}
		}
		// The code of one table's row is none for another's.
		for j, foreign := range tables() {
			*foreign.mac() = *row.mac()
			if _, ok := isTampered(signer.verify(t.Context(), foreign)); !ok && i != j {
				t.Errorf("the code of %s passes for %s", row.what(), foreign.what())
			}
		}
	}
}

func TestDifferentPoliciesNeverHaveTheSameDigest(t *testing.T) {
	p := func(name string, rev int64, document string) PrincipalPolicyRow {
		return PrincipalPolicyRow{Principal: "AIDA", Name: name, Rev: rev, Document: document, MAC: []byte("mac")}
	}
	seen := map[PoliciesDigest]int{}
	sets := [][]PrincipalPolicyRow{
		nil, {p("", 0, "")}, {p("", 0, ""), p("", 0, "")}, {p("a", 1, "d")}, {p("a", 2, "d")}, {p("a", 1, "e")}, {p("b", 1, "d")},
		{p("ad", 1, "")}, {p("", 1, "ad")}, {p("a", 1, "d"), p("b", 1, "e")}, {p("a", 1, "e"), p("b", 1, "d")},
		{p("a", 1, "d"), p("b", 2, "e")}, {p("a", 2, "d"), p("b", 1, "e")}, {p("a", 1, "d"), p("b", 1, "e"), p("c", 1, "f")},
		{p("a", 1, string(appendInt(appendString([]byte("d"), "b"), 1))+"\x00\x00\x00\x01e")},
	}
	for i, set := range sets {
		digest := DigestPolicies(set)
		if was, taken := seen[digest]; taken || len(digest) != 64 {
			t.Errorf("the policies %v and %v have the digest %q", sets[was], set, digest)
		}
		seen[digest] = i
		reversed := slices.Clone(set)
		slices.Reverse(reversed)
		if DigestPolicies(reversed) != digest {
			t.Errorf("the digest of %v depends on their order", set)
		}
	}
	// docs/format.md, computed with sha256sum.
	const none, one = "9e7b2a1087fdf3dd5d9b5d31c55d6942889248e58179e7ec2f5ae082b8d95a97", "8c1ceac9b0c59bed81344f7b7819e786f991d88a87bade28037466fd5d2ca1a1"
	if got := DigestPolicies(nil); got != none {
		t.Errorf("no policies have the digest %s", got)
	}
	if got := DigestPolicies([]PrincipalPolicyRow{p("read", 3, "{}")}); got != one {
		t.Errorf("policy read has the digest %s", got)
	}
}

func TestATamperedRowIsNamedByTableAndKey(t *testing.T) {
	object := device.ObjectID{0xab}
	want := map[string]authenticRow{
		`table keys, id "k"`:                      &KeyRow{ID: "k"},
		`table generations, key "k", number 2`:    &GenerationRow{KeyID: "k", Number: 2},
		`table uses, key "k", number 2`:           &UsesRow{KeyID: "k", Number: 2},
		`table policies, key "k"`:                 &PolicyRow{KeyID: "k"},
		`table tags, key "k", tag "a\nb"`:         &TagRow{KeyID: "k", Key: "a\nb"},
		`table aliases, name "alias/x"`:           &AliasRow{Name: "alias/x"},
		"table births, object " + object.String(): &BirthRow{Object: object},
		"table meta":                  &MetaRow{},
		`table outbox, event "e"`:     &EventRow{ID: "e"},
		`table accounts, id "1"`:      &AccountRow{ID: "1"},
		`table principals, id "AIDA"`: &PrincipalRow{ID: "AIDA"},
		`table principal_policies, principal "AIDA", name "a\nb"`: &PrincipalPolicyRow{Principal: "AIDA", Name: "a\nb"},
		`table access_keys, id "AKIA"`:                            &AccessKeyRow{ID: "AKIA"},
		`table session_keys, id "s"`:                              &SessionKeyRow{ID: "s"},
		`table grants, key "k", id "0a"`:                          &GrantRow{KeyID: "k", ID: "0a"},
	}
	if len(want) != len(tables()) {
		t.Errorf("%d names for %d tables", len(want), len(tables()))
	}
	signer := rowSigner{device: macToken{}}
	for what, row := range want {
		tampered, ok := isTampered(fmt.Errorf("load: %w", signer.verify(t.Context(), row)))
		if !ok || tampered.Row != what || !strings.Contains(tampered.Error(), "changed outside Keyhold") {
			t.Errorf("got %v, want %s", tampered, what)
		}
	}
}

func TestATokenThatDoesNotAnswerIsNoTampering(t *testing.T) {
	signer := rowSigner{device: macToken{err: device.ErrUnavailable}}
	change := Change{Keys: []KeyRow{{ID: "k"}}, Aliases: []AliasRow{{Name: "alias/x"}}}
	_, changeErr := signer.signChange(t.Context(), change)
	for _, err := range []error{signer.sign(t.Context(), &KeyRow{}), signer.verify(t.Context(), &KeyRow{}), changeErr} {
		if _, ok := isTampered(err); ok || !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), "table keys") {
			t.Errorf("got %v", err)
		}
	}
}

// everyRow is a change with one empty row in each member that has authentication codes, as many as tables has but for the
// two that are not part of a change.
func everyRow(t *testing.T) (Change, []string) {
	t.Helper()
	var c Change
	var members []string
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).Kind() != reflect.Slice || strings.HasPrefix(name, "Drop") {
			continue
		}
		if _, ok := reflect.New(v.Field(i).Type().Elem()).Interface().(authenticRow); ok {
			v.Field(i).Set(reflect.MakeSlice(v.Field(i).Type(), 1, 1))
			members = append(members, name)
		}
	}
	if len(members) != len(tables())-2 {
		t.Fatalf("a change has %v, which are not all tables", members)
	}
	return c, members
}

func rowIn(c *Change, member string) authenticRow {
	return reflect.ValueOf(c).Elem().FieldByName(member).Index(0).Addr().Interface().(authenticRow)
}

func TestSigningAChangeSignsEveryRowAndLeavesTheCallersAlone(t *testing.T) {
	signer := rowSigner{device: macToken{}}
	change, members := everyRow(t)
	signed, err := signer.signChange(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range members {
		if *rowIn(&change, member).mac() != nil {
			t.Errorf("the caller's %s were changed", member)
		}
		if err := signer.verify(t.Context(), rowIn(&signed, member)); err != nil {
			t.Errorf("%s: %v", member, err)
		}
	}
}
