package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// TestOperationsOnOtherTokens runs the scripts of operations on tokens of other kinds, which the fault module plays in
// front of SoftHSM: one that only forwards, one with the ways of AWS CloudHSM, one with those of Luna in FIPS mode. They
// are shared out among the three; make scripts runs all of them on each.
func TestOperationsOnOtherTokens(t *testing.T) {
	for turn, kind := range []struct {
		name, profile, user string
		mode                faultp11.Mode
	}{
		{name: "transparent", profile: "softhsm2", mode: faultp11.Transparent},
		{name: "cloudhsm", profile: "cloudhsm", user: "crypto_user:", mode: faultp11.CloudHSM},
		{name: "luna", profile: "luna", mode: faultp11.Luna},
	} {
		t.Run(kind.name, func(t *testing.T) {
			root, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-scripts-"+kind.name+"-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(root) })
			testscript.Run(t, testscript.Params{
				Files:               someScripts(operationScripts(kms.KMS, kms.STS, kms.Keyhold), 3, turn),
				WorkdirRoot:         root,
				RequireUniqueNames:  true,
				RequireExplicitExec: true,
				Cmds:                scriptCommands(),
				Setup: func(env *testscript.Env) error {
					if err := scriptSetup(env); err != nil {
						return err
					}
					return playToken(env, kind.profile, kind.user, kind.mode)
				},
			})
		})
	}
}

// playToken makes the data directory that `keyhold dev` would, and puts the fault module in front of its token.
func playToken(env *testscript.Env, profile, user string, mode faultp11.Mode) error {
	if err := runKeyhold(env, "dev"); err != nil {
		return err
	}
	data := env.Getenv("KEYHOLD_DATA")
	path := filepath.Join(data, "keyhold.yaml")
	config, err := configs.Load(path)
	if err != nil {
		return err
	}
	real, err := softhsm.Find()
	if err != nil {
		return err
	}
	page := filepath.Join(env.WorkDir, ".fault")
	if err := os.Mkdir(page, 0o700); err != nil {
		return err
	}
	control, err := faultp11.New(page, real, mode)
	if err != nil {
		return err
	}
	env.Defer(func() { _ = control.Close() })
	config.Module.Path, config.Module.Profile = control.Module, profile
	config.Module.Env = maps.Clone(config.Module.Env)
	maps.Copy(config.Module.Env, control.Env())
	if err := prefix(config.Token.PIN.File, user); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), configs.Write(path, config))
}

// prefix puts text before the content of a file: a PIN of CloudHSM begins with the user's name.
func prefix(path, text string) error {
	content, err := os.ReadFile(path)
	if err != nil || text == "" {
		return err
	}
	return os.WriteFile(path, append([]byte(text), content...), 0o600)
}

// runKeyhold runs the program of the scripts outside a script.
func runKeyhold(env *testscript.Env, args ...string) error {
	for _, dir := range filepath.SplitList(env.Getenv("PATH")) {
		program := filepath.Join(dir, "keyhold")
		if _, err := os.Stat(program); err != nil {
			continue
		}
		cmd := exec.Command(program, args...)
		cmd.Env, cmd.Dir = env.Vars, env.WorkDir
		var talk bytes.Buffer
		cmd.Stderr = &talk
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("keyhold %v: %w: %s", args, err, talk.String())
		}
		return nil
	}
	return errors.New("the program of the scripts is not on their PATH")
}
