// Package cli is the command keyhold: it reads command lines, puts store, token, audit log and service together, and
// shows answers to people and scripts. Results go to the standard output, everything else that is said to the error
// output.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/urfave/cli/v2"
)

// version is set when the program is linked.
var version = "devel"

// defaultData is the data directory when none is named.
const defaultData = "./keyhold-data"

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // the command could not do what it was asked for, or found something wrong
	exitUsage = 2 // the command line cannot be understood
	// exitStuck is EX_TEMPFAIL of sysexits.h: calls of the token do not return, and only a new process helps.
	exitStuck = 75
)

// Main runs the command line args, args[0] being the program's name, and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills
	p := &program{in: stdin, out: stdout, err: stderr, now: time.Now}
	return p.run(ctx, args)
}

// program is one run of the command: its streams and its clock.
type program struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
	stuck    atomic.Bool // the token's calls do not return
}

// giveUp is told that calls of the token do not return. The command ends by itself, since none of its own calls waits
// for ever, and says so by its exit code.
func (p *program) giveUp(error) { p.stuck.Store(true) }

func (p *program) run(ctx context.Context, args []string) int {
	app := p.app()
	args, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, client.ErrUncertain) {
		err = errInterrupted
	}
	return p.report(err)
}

// errInterrupted: a signal ended the command.
var errInterrupted = errors.New("interrupted")

// app is the tree of commands.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name: "keyhold", HelpName: "keyhold", Version: version,
		Usage: "AWS KMS on your own HSM",
		Description: "Keyhold answers the AWS KMS API with keys that never leave a PKCS#11 token.\n\n" +
			"To try it, with a throw-away data directory:\n" +
			"   keyhold dev\n   keyhold key create --alias app\n   keyhold data-key alias/app",
		Reader: p.in, Writer: p.out, ErrWriter: p.err,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Flags:                     globalFlags(),
		Commands:                  p.commands(),
		Action:                    noCommand,
		OnUsageError:              badFlag,
		ExitErrHandler:            func(*cli.Context, error) {}, // Main decides
		CustomAppHelpTemplate:     helpWith(appHelp, append(globalFlags(), cli.VersionFlag)),
	}
	dress(app.Commands)
	return app
}

func (p *program) commands() []*cli.Command {
	return []*cli.Command{
		p.initCommand(), p.devCommand(), p.serveCommand(), p.doctorCommand(), p.versionCommand(),
		p.keyCommand(), p.aliasCommand(), p.policyCommand(), p.grantCommand(),
		p.accountCommand(), p.principalCommand(), p.accessKeyCommand(),
		p.dataKeyCommand(), p.encryptCommand(), p.decryptCommand(), p.reencryptCommand(), p.randomCommand(),
		p.hsmCommand(), p.callCommand(),
		p.completionCommand(), p.completeCommand(), p.witnessCommand(),
	}
}

func globalFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "configuration `FILE` (default: keyhold.yaml in the data directory)",
			EnvVars: []string{"KEYHOLD_CONFIG"}, TakesFile: true},
		&cli.StringFlag{Name: "data", Usage: "the data directory `DIR`", Value: defaultData,
			EnvVars: []string{"KEYHOLD_DATA"}, TakesFile: true},
		&cli.StringFlag{Name: accountFlag, Usage: "act as the root of the account `ID` instead of the directory's own"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FORMAT` of results: table or json", Value: formatTable},
		&cli.BoolFlag{Name: "verbose", Usage: "say on the error output what is going on"},
	}, endpointFlags()...)
}
