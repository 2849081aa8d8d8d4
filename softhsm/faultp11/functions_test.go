package faultp11

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "write functions.go anew from module/functions.h")

var row = regexp.MustCompile(`(?m)^(?:FUNCTION|LISTING)\(C_(\w+)`)

// The C side makes everything from module/functions.h by the preprocessor; the Go side is written out here.
func TestTheFunctionsAreThoseOfTheModule(t *testing.T) {
	table, err := sources.ReadFile("module/functions.h")
	if err != nil {
		t.Fatal(err)
	}
	want := generate(t, table)
	if *update {
		if err := os.WriteFile("functions.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("functions.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("functions.go is not what module/functions.h makes; run `go test ./softhsm/faultp11 -run TheFunctionsAre -update`")
	}
}

func generate(t *testing.T, table []byte) []byte {
	t.Helper()
	rows := row.FindAllSubmatch(table, -1)
	if len(rows) != 68 {
		t.Fatalf("module/functions.h has %d functions, PKCS #11 2.40 has 68", len(rows))
	}
	var b bytes.Buffer
	b.WriteString("// Code generated from module/functions.h by `go test -update`. DO NOT EDIT.\n\npackage faultp11\n\n")
	b.WriteString("// Function is a function of PKCS #11 2.40, by its place in CK_FUNCTION_LIST.\ntype Function int\n\n")
	b.WriteString("// The functions, without their C_.\nconst (\n")
	for i, r := range rows {
		typed := ""
		if i == 0 {
			typed = " Function = iota"
		}
		fmt.Fprintf(&b, "%s%s\n", r[1], typed)
	}
	b.WriteString("// AnyFunction stands for every function but C_Initialize and C_Finalize.\nAnyFunction\n)\n\n")
	b.WriteString("var functionNames = [...]string{\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "%q,\n", "C_"+string(r[1]))
	}
	b.WriteString("}\n")
	out, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return out
}
