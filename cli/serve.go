package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/keyhold/keyhold/configs"
	"github.com/urfave/cli/v2"
)

func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "answer the AWS KMS API to every AWS client", ArgsUsage: noOperands,
		Description: describe("Opens the data directory, which is the server's until it ends, and answers signed requests of the AWS KMS and AWS STS\n"+
			"APIs where the section server of the configuration says. The log goes to the error output, a line of JSON for each\n"+
			"event. SIGTERM ends it once the requests that it took are answered. It ends by itself, with 75, only when calls of\n"+
			"the token do not return. Throw-away directories are served by keyhold dev --listen.",
			"keyhold serve --data /var/lib/keyhold"),
		Action: p.command(0, 0, p.serve),
	}
}

func (p *program) serve(c *cli.Context) error {
	config, err := loadConfig(c)
	if err != nil {
		return err
	}
	if config.Dev {
		return errThrowAway(c)
	}
	s := p.session(c, config)
	s.log = p.serverLogger(c)
	return p.serveOn(c, s, config.Server, func() (err error) {
		if s.store, err = p.openStore(c, config, s.log); err != nil {
			return err
		}
		if err := s.open(c.Context); err != nil {
			return err
		}
		if s.service.Meta().Dev {
			return errThrowAway(c) // whatever the configuration says
		}
		return nil
	}, func(d *daemon) error {
		if d.admin != nil {
			p.sayf("health and metrics are on http://%s", d.admin.Addr())
		}
		p.sayf("ready: serving on %s", d.url())
		return nil
	})
}

func errThrowAway(c *cli.Context) error {
	return advise(fmt.Errorf("%s is a throw-away data directory, and serve wants a lasting one", dataDir(c)),
		"serve it to yourself with keyhold dev --listen 127.0.0.1:8480, or make a lasting one with keyhold init")
}

// serverLogger writes one JSON object for each event.
func (p *program) serverLogger(c *cli.Context) *slog.Logger {
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(p.err, &slog.HandlerOptions{Level: level}))
}

// serveOn takes the addresses, has open open the session, and serves until the command is told to end or the token is
// stuck. It closes the session.
func (p *program) serveOn(c *cli.Context, s *session, config configs.Server, open func() error, ready func(*daemon) error) (err error) {
	ctx, end := context.WithCancelCause(c.Context)
	defer end(nil)
	s.onStuck = func(reason error) {
		p.giveUp(reason)
		end(reason)
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	d, err := p.newDaemon(ctx, s, config)
	if err != nil {
		return err
	}
	crypto := fipsNow()
	s.log.Info("starting", "version", version, "go", runtime.Version(), "fips140", crypto.Mode, "fips140Module", crypto.Module)
	if err := open(); err != nil {
		return errors.Join(err, d.close())
	}
	return d.serve(ctx, func() error { return ready(d) })
}
