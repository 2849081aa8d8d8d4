package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/urfave/cli/v2"
)

func (p *program) initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "make a data directory on a token", ArgsUsage: noOperands,
		Description: describe("Opens the token and lets it prove itself, then makes the data directory with its configuration, keyhold.yaml,\n"+
			"and one key in the token that authenticates what is stored. An initialisation that was cut short is taken up\n"+
			"again by the same command. With --config, that file is used and none is written. Directory, configuration and\n"+
			"library must belong to the user or to root, and nobody else may be able to change them.",
			"keyhold init --data /var/lib/keyhold --account 111122223333 --region eu-central-1 \\",
			"   --module /opt/hsm/libpkcs11.so --token-label keyhold --pin-file /etc/keyhold/pin"),
		Flags:  append(identityFlags(), tokenFlags()...),
		Action: p.command(0, 0, p.initialise),
	}
}

func identityFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "account", Usage: "the account in ARNs: 12 `DIGITS` of your choice, fixed for life"},
		&cli.StringFlag{Name: "region", Usage: "the `REGION` in ARNs, fixed for life (default: us-east-1)"},
	}
}

func (p *program) initialise(c *cli.Context) error {
	config, err := initialConfig(c)
	if err != nil {
		return err
	}
	s := p.session(c, config)
	err = p.initialiseOn(c, s)
	if err == nil {
		err = p.showDirectory(c, s)
	}
	if err := errors.Join(err, s.close(c.Context)); err != nil {
		return err
	}
	p.sayNext(c, "keyhold key create --alias NAME", "keyhold doctor")
	return nil
}

// initialConfig is the configuration to begin with: a file that is there, or what the flags say.
func initialConfig(c *cli.Context) (configs.Config, error) {
	flags := anySet(c, append(identityFlags(), tokenFlags()...))
	if c.String("config") != "" && flags {
		return configs.Config{}, usagef(c, "a configuration is named, so no flags may describe the account or the token; edit %s", configPath(c))
	}
	if _, err := os.Stat(configPath(c)); err == nil && !flags || c.String("config") != "" {
		return loadConfig(c)
	}
	if !c.IsSet("account") {
		return configs.Config{}, usagef(c, "--account is missing: 12 digits of your choice, or that of the AWS account to stand in for")
	}
	config, err := tokenFromFlags(c)
	if err != nil {
		return config, err
	}
	config.Account, config.Region = c.String("account"), c.String("region")
	if err := config.Validate(); err != nil {
		return config, usagef(c, "%w", inFlags(err))
	}
	return complete(config)
}

// flagOf is the flag for a field of the configuration.
var flagOf = map[string]string{
	"account": "--account", "region": "--region", "module.path": "--module", "module.profile": "--profile",
	"module.init_args": "--module-init-args", "token": "--token-...", "token.label": "--token-label",
	"token.serial": "--token-serial", "token.pin": "--pin-...", "token.pin.file": "--pin-file",
	"token.pin.fd": "--pin-fd", "token.pin.credential": "--pin-credential",
}

// inFlags says of flags what a configuration's error says of its fields.
func inFlags(err error) error {
	var wrong *configs.Error
	if !errors.As(err, &wrong) {
		return err
	}
	said := configs.Error{Problems: slices.Clone(wrong.Problems)}
	for i, problem := range said.Problems {
		said.Problems[i].Path = or(flagOf[problem.Path], problem.Path)
	}
	return &said
}

// complete fills in the defaults.
func complete(config configs.Config) (configs.Config, error) {
	data, err := configs.Marshal(config)
	if err != nil {
		return config, err
	}
	return configs.Parse(data, "")
}

// initialiseOn opens the token before it makes anything, so that a mistake leaves no trace.
func (p *program) initialiseOn(c *cli.Context, s *session) (err error) {
	s.store, err = p.openStore(c, s.config, s.log)
	switch {
	case err == nil:
		err = refuseInitialised(c, s)
	case errors.Is(err, sqlite.ErrNoDirectory):
		err = nil
	}
	if err != nil {
		return err
	}
	if err := s.openToken(c.Context); err != nil {
		return err
	}
	if s.store == nil {
		if s.store, err = p.takeStore(c, s.config, s.log, sqlite.Create); err != nil {
			return err
		}
	}
	if c.String("config") == "" {
		if err := keepConfig(configPath(c), s.config); err != nil {
			return err
		}
	}
	return s.begin(c.Context)
}

// begin gives the store its identity and opens the service, which proves that it can be used.
func (s *session) begin(ctx context.Context) error {
	err := kms.Initialise(ctx, kms.Config{Store: s.store, Device: s.token, Logger: s.log, Now: s.now},
		kms.Identity{Account: kms.AccountID(s.config.Account), Region: s.config.Region, Dev: s.config.Dev})
	var tampered *kms.TamperError
	switch {
	case errors.As(err, &tampered):
		return err // it says what to restore; the same command would be refused again
	case err != nil:
		return advise(err, "the same command takes up the initialisation where it stopped")
	}
	return s.open(ctx)
}

func refuseInitialised(c *cli.Context, s *session) error {
	meta, err := s.store.Meta(c.Context)
	switch {
	case errors.Is(err, kms.ErrNotFound) || err == nil && !meta.Ready:
		return nil
	case err != nil:
		return err
	}
	refusal := fmt.Errorf("%s: %w, for account %s in region %s on token %q", s.dir, kms.ErrInitialised, printable(string(meta.Account)), printable(meta.Region), meta.Token)
	if _, err := os.Stat(configPath(c)); errors.Is(err, fs.ErrNotExist) {
		return advise(fmt.Errorf("%w; only its configuration %s is missing", refusal, configPath(c)), rewriteConfig)
	}
	return advise(refusal,
		"use it as it is, or name another directory with --data")
}

// keepConfig writes the configuration. One that an earlier attempt wrote must say the same.
func keepConfig(path string, config configs.Config) error {
	there, err := configs.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return configs.Write(path, config)
	case err != nil:
		return err
	case !reflect.DeepEqual(there, config):
		return advise(fmt.Errorf("%s says something else than the flags", path), "go on with what it says: keyhold init without flags; or remove the file")
	}
	return nil
}

// directory is what init and dev tell.
type directory struct {
	Directory string `json:"directory"`
	Config    string `json:"config"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Token     string `json:"token"`
	Dev       bool   `json:"dev"`
}

func (p *program) showDirectory(c *cli.Context, s *session) error {
	meta := s.service.Meta()
	return p.tellDirectory(c, directory{absolute(s.dir), absolute(configPath(c)), string(meta.Account), meta.Region, meta.Token, meta.Dev})
}

func (p *program) tellDirectory(c *cli.Context, d directory) error {
	return p.showOwn(c, d, func(t *table) {
		t.fact("Data directory", d.Directory)
		t.fact("Configuration", d.Config)
		t.fact("Account", d.Account)
		t.fact("Region", d.Region)
		t.fact("Token", d.Token)
	})
}

// absolute is the path from the root, or as it was given where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
