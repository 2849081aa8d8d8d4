package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/urfave/cli/v2"
)

// The parts of a throw-away data directory beside the usual ones.
const (
	devToken = "keyhold-dev"
	devHome  = "softhsm"
	devPIN   = "pin"

	defaultDevAccount = "111122223333"
	defaultDevRegion  = "us-east-1"
)

func (p *program) devCommand() *cli.Command {
	return &cli.Command{
		Name: "dev", Usage: "make a throw-away data directory on a SoftHSM2 token of its own, and serve it", ArgsUsage: noOperands,
		Description: describe("Makes a SoftHSM2 token with a random PIN inside the data directory and initialises both. The directory must not\n"+
			"exist, or be empty, and only its owner may write in it. The keys are files, so nothing that matters belongs there.\n"+
			"On a directory that is ready it only says so. To be rid of it, remove it.\n\n"+
			"With --listen it then answers the AWS KMS and AWS STS APIs, to this machine alone, until it is interrupted. The\n"+
			"user dev is an administrator; its access key is drawn at first, and kept in the directory, or the one in the\n"+
			"variables "+devKeyIDVariable+" and "+devSecretVariable+". Once it answers it writes a file that a\n"+
			"shell reads to reach it.",
			"keyhold dev --data /tmp/keyhold",
			"keyhold dev --listen 127.0.0.1:8480 --env-file keyhold.env"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "account", Usage: "the account in ARNs: 12 `DIGITS`", Value: defaultDevAccount},
			&cli.StringSliceFlag{Name: "region", Usage: "the `REGION` in ARNs (default: us-east-1); with --listen, repeated for further ones that requests may be signed for"},
			&cli.StringFlag{Name: "listen", Usage: "serve on an `ADDRESS` of this machine and a port, 0 for any"},
			&cli.StringFlag{Name: "env-file", Usage: "with --listen, the `FILE` for shells (default: dev.env in the data directory)", TakesFile: true},
		},
		Action: p.command(0, 0, p.dev),
	}
}

func (p *program) dev(c *cli.Context) error {
	if c.String("config") != "" {
		return usagef(c, "dev writes a configuration of its own; leave out --config and KEYHOLD_CONFIG")
	}
	if listens := c.String("listen") != ""; !listens && (c.IsSet("env-file") || len(c.StringSlice("region")) > 1) {
		return usagef(c, "--env-file and a second --region are for a server: say where with --listen")
	}
	config, err := devConfig(c)
	if err != nil {
		return err
	}
	if _, err := modulePath(""); err != nil {
		return err
	}
	if c.String("listen") != "" {
		return p.devServe(c, config)
	}
	if err := p.devNow(c, config); err != nil {
		return err
	}
	p.sayNext(c, "keyhold key create --alias app", "keyhold data-key alias/app", "keyhold doctor")
	return nil
}

// devNow makes the directory, or opens it, and shows it.
func (p *program) devNow(c *cli.Context, config configs.Config) error {
	if server := findServer(c.Context, dataDir(c)); server != nil {
		server.close() // which has found the directory to be what the configuration says
		return p.tellDirectory(c, directory{absolute(dataDir(c)), absolute(configPath(c)), config.Account, config.Region, config.Token.Label, true})
	}
	s := p.session(c, config)
	err := p.devOn(c, s)
	if err == nil {
		err = p.showDirectory(c, s)
	}
	return errors.Join(err, s.close(c.Context))
}

// devConfig is the configuration of a throw-away directory that is already there, or of a new one.
func devConfig(c *cli.Context) (configs.Config, error) {
	region := or(append(c.StringSlice("region"), "")[0], defaultDevRegion)
	there, err := configs.Load(configPath(c))
	switch {
	case err == nil && !there.Dev:
		return there, advise(fmt.Errorf("%s is a lasting data directory, and dev makes throw-away ones", dataDir(c)), "name another directory with --data")
	case err == nil && (c.IsSet("account") && c.String("account") != there.Account || c.IsSet("region") && region != there.Region):
		return there, advise(fmt.Errorf("%s is there already, for account %s in region %s", dataDir(c), there.Account, there.Region), "remove it, or name another directory with --data")
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return there, err
	}
	config := configs.Config{
		Account: c.String("account"), Region: region, Dev: true,
		Module: configs.Module{Profile: "softhsm2", Env: map[string]string{"SOFTHSM2_CONF": "./" + devHome + "/softhsm2.conf"}},
		Token:  configs.Token{Label: devToken, PIN: configs.PIN{File: devPIN}, Exclusive: new(true)},
	}
	if err := config.Validate(); err != nil {
		return config, usagef(c, "%w", inFlags(err))
	}
	return complete(config)
}

func (p *program) devOn(c *cli.Context, s *session) (err error) {
	if s.store, err = p.takeStore(c, s.config, s.log, sqlite.Create); err != nil {
		return err
	}
	meta, err := s.store.Meta(c.Context)
	switch {
	case err == nil && meta.Ready && !meta.Dev:
		return advise(fmt.Errorf("%s is a lasting data directory, and dev makes throw-away ones", s.dir), "name another directory with --data")
	case err == nil && meta.Ready:
		if err := s.restoreConfig(c, meta); err != nil {
			return err
		}
		return s.open(c.Context)
	case err != nil && !errors.Is(err, kms.ErrNotFound):
		return err
	}
	if err := refuseKeys(c.Context, s); err != nil {
		return err
	}
	if err := makeDevToken(c.Context, s.dir); err != nil {
		return err
	}
	if err := s.keepDevConfig(c); err != nil {
		return err
	}
	if err := s.openToken(c.Context); err != nil {
		return err
	}
	return s.begin(c.Context)
}

// restoreConfig writes the configuration of a throw-away directory again if it was lost.
func (s *session) restoreConfig(c *cli.Context, meta kms.MetaRow) error {
	if string(meta.Account) != s.config.Account || meta.Region != s.config.Region {
		return advise(fmt.Errorf("%s is there already, for account %s in region %s", s.dir, printable(string(meta.Account)), printable(meta.Region)),
			"name them with --account and --region, or another directory with --data")
	}
	return s.keepDevConfig(c)
}

// keepDevConfig writes the configuration unless there is one, and reads it, which resolves its paths.
func (s *session) keepDevConfig(c *cli.Context) (err error) {
	path := configPath(c)
	if err := configs.Write(path, s.config); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if s.config, err = configs.Load(path); err != nil {
		return err
	}
	s.pin = pinSource(s.config.Token.PIN)
	return nil
}

// refuseKeys keeps a token that may be in use from being made anew. Table meta cannot be believed when it says that the
// directory was never initialised: it has no authentication code then.
func refuseKeys(ctx context.Context, s *session) error {
	rows, err := s.store.HasRows(ctx)
	if err != nil {
		return err
	}
	keys, err := holdsKeys(filepath.Join(s.dir, devHome))
	if err != nil {
		return fmt.Errorf("look for keys in an unfinished token: %w", err)
	}
	if !rows && !keys {
		return nil
	}
	return advise(fmt.Errorf("%s says that it is not initialised, and keys were made there: table meta was changed, or dev was cut short", s.dir),
		"restore keyhold.db from a backup; or, if nothing there matters, remove the directory and run keyhold dev again")
}

// holdsKeys tells whether there are object files in a SoftHSM2 home but for those of the tokens themselves.
func holdsKeys(home string) (found bool, err error) {
	err = filepath.WalkDir(home, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && filepath.Ext(entry.Name()) == ".object" && entry.Name() != "token.object" {
			found = true
		}
		return err
	})
	return found, err
}

// makeDevToken makes the token and its PIN. What an earlier attempt left is thrown away: refuseKeys found no key there.
func makeDevToken(ctx context.Context, dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, devHome)); err != nil {
		return fmt.Errorf("remove an unfinished token: %w", err)
	}
	home, err := softhsm.Prepare(filepath.Join(dir, devHome))
	if err != nil {
		return err
	}
	pin, officer := secret.New([]byte(rand.Text())), secret.New([]byte(rand.Text()))
	defer pin.Wipe()
	defer officer.Wipe()
	if err := writeFile(filepath.Join(dir, devPIN), pin.Reveal(), true); err != nil {
		return err
	}
	return hsm.InitToken(ctx, hsm.NewToken{Module: home.Module, Env: home.Env(), Label: devToken, SOPIN: officer, PIN: pin})
}

// sayNext proposes commands to paste.
func (p *program) sayNext(c *cli.Context, commands ...string) {
	var text string
	if dir := dataDir(c); dir != defaultData {
		text += "\n    export KEYHOLD_DATA=" + shellWord(absolute(dir))
	}
	if file := c.String("config"); file != "" {
		text += "\n    export KEYHOLD_CONFIG=" + shellWord(absolute(file))
	}
	for _, command := range commands {
		text += "\n    " + command
	}
	p.sayf("the data directory is ready. Next:")
	_, _ = fmt.Fprintf(p.err, "%s\n\n", text)
}

// shellWord quotes a word for a shell where that is needed.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("/._-+@%:,", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
