package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/softhsm"
)

// TestOperationsThroughTheEndpoint runs the scripts of operations with KEYHOLD_ENDPOINT and an access key, as anybody
// elsewhere would: the commands answer as they do for the owner of the directory.
func TestOperationsThroughTheEndpoint(t *testing.T) {
	root, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-endpoint-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	var files []string
	for _, file := range operationScripts(kms.KMS, kms.STS, kms.Keyhold) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !touchesFiles(string(text)) && !wantsOwner(string(text)) {
			files = append(files, file)
		}
	}
	if len(files) < 40 {
		t.Errorf("only %d scripts: %v", len(files), files)
	}
	testscript.Run(t, testscript.Params{
		Files: someScripts(files, 6, 1), WorkdirRoot: root, RequireUniqueNames: true, RequireExplicitExec: true, Cmds: scriptCommands(),
		Setup: func(env *testscript.Env) error {
			if err := scriptSetup(env); err != nil {
				return err
			}
			if err := serveScript(env); err != nil {
				return err
			}
			return sourceEnv(env, filepath.Join(env.Getenv("KEYHOLD_DATA"), "dev.env"))
		},
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
