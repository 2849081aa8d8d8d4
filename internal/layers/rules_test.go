package layers_test

// ranks says who may import whom: a package imports packages of lower ranks only. Directories are relative to the
// repository, "." is main, and dir/* stands for the directories directly below dir.
var ranks = []struct {
	rank int
	dirs []string
}{
	{0, []string{"kms/device", "kms/keyspec", "kms/policy", "internal/secret", "internal/ownership", "internal/sigv4", "internal/admission", "internal/health", "internal/pulse", "internal/layers", "internal/testsummary", "envelope"}},
	{1, []string{"kms/api", "kms/audit", "internal/smallfile", "hsm", "hsm/witness/protocol", "softhsm", "softhsm/faultp11"}},
	{2, []string{"kms", "client", "softhsm/faultp11/faultctl", "hsm/witness", "hsm/hsmtest", "hsm/faulttest"}},
	{3, []string{"kms/ops", "kms/store/*", "kms/httpapi", "kms/kmstest", "internal/metrics", "kmsplugin", "xks"}},
	{4, []string{"configs"}},
	{5, []string{"cli"}},
	{6, []string{".", "integration", "integration/*"}},
}

// testKits may be imported by the test files of any rank; with kms and kms/httpapi they make a whole server.
var testKits = []string{"kms", "kms/kmstest", "kms/ops", "kms/httpapi", "hsm/hsmtest", "softhsm", "softhsm/faultp11", "kms/store/*"}

// only says which packages alone may import something. An import matches when it is the named path or lies below it.
// Test files may import it in tests as well as in homes.
type only struct {
	imported string
	homes    []string
	tests    []string
}

// onlyThese has a row for every module outside the standard library that the repository imports, and for those parts
// of the standard library that have few homes.
var onlyThese = []only{
	{"C", []string{"hsm", "softhsm"}, nil},
	{"database/sql", []string{"kms/store/*"}, []string{"kms/ops", "integration"}},
	{"net/http", []string{"kms/httpapi", "client", "cli", "xks", "internal/sigv4", "internal/health", "internal/metrics"}, []string{"integration", "integration/*"}},
	{"crypto/tls", []string{"kms/httpapi", "client", "cli", "xks"}, []string{"integration", "integration/*"}},
	{"os/exec", []string{"cli", "client", "hsm/*", "hsm/witness/protocol", "softhsm", "softhsm/faultp11", "integration/demo"}, anywhere},

	{"github.com/miekg/pkcs11", []string{"hsm", "hsm/*"}, []string{"softhsm", "softhsm/faultp11", "integration", "integration/*"}},
	{"github.com/ThalesIgnite/crypto11", []string{"hsm/witness"}, []string{"integration", "integration/*"}},
	{"github.com/mattn/go-sqlite3", []string{"kms/store/sqlite"}, []string{"integration"}},
	{"github.com/urfave/cli/v2", []string{"cli"}, nil},
	{"go.yaml.in/yaml/v3", []string{"configs"}, nil},
	{"github.com/prometheus/client_golang", []string{"internal/metrics"}, nil},
	{"google.golang.org/grpc", []string{"kmsplugin"}, nil},
	{"golang.org/x/mod", []string{"kms/audit"}, nil},
	{"golang.org/x/sys", []string{"cli"}, nil},
	{"github.com/rogpeppe/go-internal", nil, []string{"integration", "integration/*", "cli"}},
}

// anywhere is for tests that start themselves again, to be killed or to lose their rights.
var anywhere = []string{"*", "*/*", "*/*/*"}

// The core is pure: it decides, and adapters act. Its tests answer to onlyThese alone.
var (
	core         = []string{"kms", "kms/api", "kms/audit", "kms/device", "kms/keyspec", "kms/ops", "kms/policy"}
	notInTheCore = []string{"C", "database/sql", "net/http", "os/exec"}
)
