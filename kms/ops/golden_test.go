package ops_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files and the generated documents")

// golden compares a text with a file, or writes the file with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not current. If the change is meant, run go test ./kms/ops -update and read what it changed.\n%s",
			filepath.Base(file), firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "line " + strconv.Itoa(i+1) + "\n got: " + g[i] + "\nwant: " + w[i]
		}
	}
	return "one is the beginning of the other"
}

var drawn = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(AIDA|AROA)[A-Z2-7]{17}\b|\b(AKIA|ASIA)[A-Z2-7]{16}\b|"[1-9][0-9]{11}"`)

// normal replaces what is drawn at random, such as ids and ids of key material, by numbers in the order of appearance.
func normal(text string) string {
	seen := map[string]string{`"` + account + `"`: `"` + account + `"`, `"` + otherAccount + `"`: `"` + otherAccount + `"`}
	return drawn.ReplaceAllStringFunc(text, func(id string) string {
		if seen[id] == "" {
			kind := "id"
			switch len(id) {
			case 64:
				kind = "material"
			case 21:
				kind = "principal"
			case 20:
				kind = "access key"
			case 14:
				kind = "account"
			}
			seen[id] = "<" + kind + " " + strconv.Itoa(len(seen)-1) + ">"
		}
		return seen[id]
	})
}
