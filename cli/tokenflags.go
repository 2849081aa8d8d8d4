package cli

import (
	"slices"
	"strings"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/urfave/cli/v2"
)

// tokenFlags describe a token on the command line instead of in a configuration.
func tokenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "module", Usage: "the PKCS#11 library, a shared object `FILE` (default: SoftHSM2, where packages put it)", TakesFile: true},
		&cli.StringFlag{Name: "module-init-args", Usage: "`TEXT` for C_Initialize, for the few libraries that want it"},
		&cli.StringSliceFlag{Name: "module-env", Usage: "a variable `NAME=VALUE` set before the library is loaded; may be repeated"},
		&cli.StringFlag{Name: "profile", Usage: "`NAME` of the token profile: " + strings.Join(configs.Profiles, ", ") + " (default: recognised)"},
		&cli.StringFlag{Name: "token-label", Usage: "the token with this `LABEL`"},
		&cli.StringFlag{Name: "token-serial", Usage: "the token with this serial `NUMBER`"},
		&cli.Uint64Flag{Name: "token-slot", Usage: "the token in slot `N`; many libraries renumber their slots"},
		&cli.StringFlag{Name: "token-iv", Usage: "who makes the IVs, a `POLICY`: host-random, written-back, prepended or appended (default: as the profile says)"},
		&cli.IntFlag{Name: "token-max-objects", Usage: "the token holds `N` objects (default: as the profile says)"},
		&cli.StringFlag{Name: "pin-file", Usage: "the user PIN is in `FILE`, which only its owner may read", TakesFile: true},
		&cli.StringFlag{Name: "pin-credential", Usage: "the user PIN is in the systemd credential `NAME`"},
		&cli.IntFlag{Name: "pin-fd", Usage: "the user PIN can be read from the inherited descriptor `N`, 3 or more"},
	}
}

// anySet tells whether one of the flags was given.
func anySet(c *cli.Context, flags []cli.Flag) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return c.IsSet(f.Names()[0]) })
}

// tokenFromFlags is the token that tokenFlags describe. Its paths are absolute.
func tokenFromFlags(c *cli.Context) (configs.Config, error) {
	_, env, err := pairs(c, c.StringSlice("module-env"), "--module-env")
	if err != nil {
		return configs.Config{}, err
	}
	config := configs.Config{
		Module: configs.Module{
			Path: c.String("module"), InitArgs: c.String("module-init-args"), Env: env, Profile: c.String("profile"),
		},
		Token: configs.Token{
			Label: c.String("token-label"), Serial: c.String("token-serial"), MaxObjects: c.Int("token-max-objects"),
			PIN: configs.PIN{File: c.String("pin-file"), FD: c.Int("pin-fd"), Credential: c.String("pin-credential")},
		},
	}
	if name := c.String("token-iv"); name != "" {
		if config.Token.IV, err = device.ParseIVPolicy(name); err != nil {
			return configs.Config{}, usagef(c, "--token-iv: %v", err)
		}
	}
	if c.IsSet("token-slot") {
		config.Token.Slot = new(c.Uint64("token-slot"))
	}
	config.Module.Path, config.Token.PIN.File = fromHere(config.Module.Path), fromHere(config.Token.PIN.File)
	for name, value := range env {
		if strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") {
			env[name] = fromHere(value)
		}
	}
	return config, nil
}

// fromHere resolves a path of the command line, which a configuration would take to begin at its own directory.
func fromHere(path string) string {
	if path == "" {
		return ""
	}
	return absolute(path)
}
