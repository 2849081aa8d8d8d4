package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestOperationsThroughTheEndpoint runs the scripts of operations with KEYHOLD_ENDPOINT and an access key, as anybody
// elsewhere would: the commands answer as they do for the owner of the directory.
func TestOperationsThroughTheEndpoint(t *testing.T) {
	fits := func(script string) bool { return !touchesFiles(script) && !wantsOwner(script) }
	throughServer(t, 6, 1, fits, func(env *testscript.Env) error {
		if err := serveScript(env); err != nil {
			return err
		}
		return sourceEnv(env, filepath.Join(env.Getenv("KEYHOLD_DATA"), "dev.env"))
	})
}

// wantsOwner tells a script in which the caller must be the root.
func wantsOwner(script string) bool {
	return strings.Contains(script, ":root") || strings.Contains(script, "ResetKeyPolicy")
}

var exported = regexp.MustCompile(`(?m)^export (\w+)=(.*)$`)

// sourceEnv gives a script the variables that a shell would have after reading the file.
func sourceEnv(env *testscript.Env, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, v := range exported.FindAllStringSubmatch(string(text), -1) {
		env.Setenv(v[1], strings.Trim(v[2], "'"))
	}
	return nil
}
