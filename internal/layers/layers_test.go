// Package layers tests the shape of the repository: which package imports which, and what no file may hold.
package layers_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// repository is where the sources are, seen from this package.
const repository = "../.."

func TestEveryImportKeepsToTheLayers(t *testing.T) {
	all, err := sources(os.DirFS(repository))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d Go files found; this test looks in the wrong place", len(all))
	}
	for _, s := range all {
		for _, v := range violations(s) {
			t.Error(v)
		}
	}
}

func TestNoPackageHasTwoRanks(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range ranks {
		for _, dir := range r.dirs {
			if seen[dir] {
				t.Errorf("%s stands twice in ranks", dir)
			}
			seen[dir] = true
		}
	}
}

func TestTheCheckerSeesViolations(t *testing.T) {
	const own = module + "/"
	for name, tc := range map[string]struct{ file, imports, want string }{
		"a lower rank is fine":                        {"kms/a.go", own + "kms/api", ""},
		"a higher rank is not":                        {"kms/api/a.go", own + "kms", "only lower ranks may be imported"},
		"nor is one's own":                            {"kms/ops/a.go", own + "kms/httpapi", "only lower ranks may be imported"},
		"the core never imports a store":              {"kms/a.go", own + "kms/store/sqlite", "only lower ranks may be imported"},
		"hsm does not know kms":                       {"hsm/a.go", own + "kms", "only lower ranks may be imported"},
		"nobody imports main":                         {"cli/a.go", module, "only lower ranks may be imported"},
		"a child may import its parent":               {"hsm/witness/a.go", own + "hsm", ""},
		"a parent may not import its child":           {"hsm/a.go", own + "hsm/witness", "only lower ranks may be imported"},
		"siblings may not import each other":          {"kms/store/sqlite/a.go", own + "kms/store/postgres", "only lower ranks may be imported"},
		"a test may import a test kit":                {"kms/a_test.go", own + "kms/kmstest", ""},
		"a test may import its own package":           {"kms/a_test.go", own + "kms", ""},
		"a test may not import any higher rank":       {"kms/a_test.go", own + "cli", "only lower ranks may be imported"},
		"code may not import a test kit":              {"kms/a.go", own + "kms/kmstest", "only lower ranks may be imported"},
		"an unknown package":                          {"kms/util/a.go", "fmt", "package kms/util has no rank; add it"},
		"an unknown import of ours":                   {"cli/a.go", own + "helpers", "helpers, which has no rank; add it"},
		"an unknown module":                           {"cli/a.go", "example.com/left-pad", "a module that has no home; add it"},
		"pkcs11 in hsm":                               {"hsm/a.go", "github.com/miekg/pkcs11", ""},
		"pkcs11 in a test of softhsm":                 {"softhsm/a_test.go", "github.com/miekg/pkcs11", ""},
		"pkcs11 in softhsm":                           {"softhsm/a.go", "github.com/miekg/pkcs11", "whose only homes are"},
		"crypto11 on the serving path":                {"hsm/a.go", "github.com/ThalesIgnite/crypto11", "whose only homes are hsm/witness"},
		"crypto11 in a witness":                       {"hsm/witness/a.go", "github.com/ThalesIgnite/crypto11", ""},
		"the driver outside its store":                {"cli/a.go", "github.com/mattn/go-sqlite3", "whose only homes are"},
		"SQL in cli":                                  {"cli/a.go", "database/sql", "whose only homes are"},
		"SQL's driver package in cli":                 {"cli/a.go", "database/sql/driver", "whose only homes are"},
		"a prefix of a name is not the name":          {"cli/a.go", "database/sqlx", ""},
		"HTTP in the core":                            {"kms/a.go", "net/http/httptest", "the core imports net/http/httptest"},
		"HTTP in a test of the core":                  {"kms/a_test.go", "net/http/httptest", "whose only homes are"},
		"processes in a test of the core":             {"kms/audit/a_test.go", "os/exec", ""},
		"a kit of tokens imports softhsm":             {"hsm/hsmtest/a.go", own + "softhsm", ""},
		"processes in the core":                       {"kms/ops/a.go", "os/exec", "the core imports os/exec"},
		"cgo in the core":                             {"kms/a.go", "C", "the core imports C"},
		"cgo in hsm":                                  {"hsm/a.go", "C", ""},
		"YAML outside configs":                        {"cli/a.go", "go.yaml.in/yaml/v3", "whose only homes are configs"},
		"a build tag hides nothing":                   {"cli/a_windows.go", "database/sql", "whose only homes are"},
		"test data is not code":                       {"cli/testdata/a.go", "database/sql", ""},
		"a nested module has dependencies of its own": {"nested/a.go", "example.com/left-pad", ""},
	} {
		t.Run(name, func(t *testing.T) {
			repo := fstest.MapFS{
				tc.file:         {Data: []byte("package p\n\nimport _ \"" + tc.imports + "\"\n")},
				"nested/go.mod": {Data: []byte("module nested\n")},
			}
			all, err := sources(repo)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range all {
				got = append(got, violations(s)...)
			}
			if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
