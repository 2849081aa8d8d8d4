package clients

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operation is one operation as the SDK calls it.
type operation struct {
	name string
	good func(b *bench) // calls it, and checks what the typed answer says
	bad  []refusal
}

// refusal is a call that the server must refuse. The SDK refuses by itself what lacks a member, and so none does.
type refusal struct {
	what  string
	call  func(b *bench) error
	want  wanted
	words string // of the message; "-" where AWS sends none
}

func operations() []operation {
	return slices.Concat(keyOperations, stateOperations, aliasOperations, cryptographicOperations, policyOperations, grantOperations, sessionOperations)
}

func TestEveryOperationIsWhatTheSDKExpects(t *testing.T) {
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			o.good(newBench(t))
			for _, r := range o.bad {
				b := newBench(t)
				b.refused(r.what, r.call(b), r.want, r.words)
			}
		})
	}
}

var documentedRow = regexp.MustCompile(`(?m)^\| ([A-Z][A-Za-z]+) \| (?:reads|uses|changes) `)

// What the server gains has to be called here too.
func TestEveryDocumentedOperationIsCalled(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	served, _, ok := strings.Cut(string(text), "\n## Keyhold's own")
	if !ok {
		t.Fatal("docs/operations.md has another form")
	}
	kmsPart, _, _ := strings.Cut(served, "\n## AWS STS")
	var all, ofKMS, called []string
	for _, row := range documentedRow.FindAllStringSubmatch(served, -1) {
		all = append(all, row[1])
	}
	for _, row := range documentedRow.FindAllStringSubmatch(kmsPart, -1) {
		ofKMS = append(ofKMS, row[1])
	}
	for _, o := range operations() {
		called = append(called, o.name)
		if len(o.bad) == 0 {
			t.Errorf("%s is never refused", o.name)
		}
	}
	if slices.Sort(called); !slices.Equal(all, called) && !slices.Equal(slices.Sorted(slices.Values(all)), called) {
		t.Errorf("documented:\n%v\ncalled:\n%v", all, called)
	}
	if shaped := slices.Sorted(maps.Keys(outputs)); !slices.Equal(slices.Sorted(slices.Values(ofKMS)), shaped) {
		t.Errorf("documented:\n%v\nin the table of shapes:\n%v", ofKMS, shaped)
	}
}
