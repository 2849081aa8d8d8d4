package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/urfave/cli/v2"
)

func (p *program) hsmCommand() *cli.Command {
	return &cli.Command{
		Name: "hsm", Usage: "look at the token and what it holds",
		Subcommands: []*cli.Command{p.hsmProbe(), p.hsmStatus(), p.hsmLogin(), p.hsmInventory(), p.hsmReconcile(), p.hsmVerify()},
	}
}

func (p *program) hsmProbe() *cli.Command {
	return &cli.Command{
		Name: "probe", Usage: "tell what a token is, can do, and proves", ArgsUsage: noOperands,
		Description: describe("Reports on the token of the configuration, or on the one that the flags describe, which needs no data directory.\n"+
			"Without a PIN only what needs no login is reported. It leaves nothing in the token.",
			"keyhold hsm probe --module /opt/hsm/libpkcs11.so --token-label keyhold --pin-file /etc/keyhold/pin"),
		Flags: tokenFlags(),
		Action: p.command(0, 0, func(c *cli.Context) error {
			cfg, err := p.probeConfig(c)
			if err != nil {
				return err
			}
			return p.probe(c, cfg)
		}),
	}
}

func (p *program) probe(c *cli.Context, cfg hsm.Config) error {
	report, err := hsm.Probe(c.Context, cfg)
	if err != nil {
		return adviseOnToken(err, cfg.Module)
	}
	if cfg.PIN == nil {
		report.Problem = "" // it can only be that there is no PIN
	}
	if err := p.showReport(c, report); err != nil {
		return err
	}
	switch {
	case report.Problem != "":
		return fmt.Errorf("the token cannot be used: %s", report.Problem)
	case cfg.PIN == nil:
		p.sayf("no PIN was given, so nothing was proved that needs a login: what is \"not testable\" above may hold or not. To prove it, add --pin-file FILE")
	}
	return nil
}

func (p *program) probeConfig(c *cli.Context) (hsm.Config, error) {
	read := loadConfig
	if anySet(c, tokenFlags()) {
		read = tokenFromFlags
	}
	config, err := read(c)
	if err != nil {
		return hsm.Config{}, err
	}
	source := pinSource(config.Token.PIN)
	cfg, err := tokenConfig(config, source, p.logger(c))
	if err != nil {
		return hsm.Config{}, err
	}
	if cfg.Label == "" && cfg.Serial == "" && cfg.Slot == nil {
		return hsm.Config{}, noSelection(c, cfg)
	}
	return cfg, checkPIN(config.Token.PIN, source)
}

// noLabel is longer than any label can be (CK_TOKEN_INFO, 32 octets), so that the search for it lists all the tokens.
const noLabel = "(the one that no flag has named yet)"

// noSelection asks for the flag that selects a token, and tells which tokens the module has.
func noSelection(c *cli.Context, cfg hsm.Config) error {
	cfg.Label, cfg.PIN = noLabel, nil
	_, err := hsm.Probe(c.Context, cfg)
	if err == nil {
		return usagef(c, "name the token with --token-label, --token-serial or --token-slot")
	}
	return usagef(c, "name the token with --token-label, --token-serial or --token-slot: %w", err)
}

func (p *program) showReport(c *cli.Context, report hsm.Report) error {
	if wantsJSON(c) {
		return p.showOwn(c, report, nil)
	}
	var text strings.Builder
	if err := report.Text(&text); err != nil {
		return err
	}
	return p.print([]byte(withoutBlanks(legible(text.String()))))
}

// withoutBlanks drops lines of blanks, which are rows that say nothing, and blanks at the ends of lines.
func withoutBlanks(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		said := strings.TrimRight(line, " \n")
		if said != "" || line == "\n" {
			b.WriteString(said + "\n")
		}
	}
	return b.String()
}

func (p *program) hsmStatus() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "tell whether the token is alive and logged in", ArgsUsage: noOperands,
		Description: describe("Opens the token of the configuration, asks it, and shows what it says. It exits with 1 when the token is not ready.",
			"keyhold hsm status"),
		Action: p.command(0, 0, func(c *cli.Context) error {
			return p.own(c, func(ctx context.Context, s *session) error {
				st := s.token.Status(ctx)
				if err := p.showOwn(c, st, func(t *table) { t.status(st) }); err != nil {
					return err
				}
				if !st.Health.Serves() {
					return fmt.Errorf("the token is %s: %s", st.Health, st.Reason)
				}
				return nil
			})
		}),
	}
}

func (t *table) status(st hsm.Status) {
	t.fact("Token", st.Token)
	t.fact("Serial", st.Serial)
	t.fact("Manufacturer", st.Manufacturer)
	t.fact("Model", st.Model)
	t.fact("Profile", st.Profile)
	t.fact("Health", string(st.Health))
	t.fact("Reason", st.Reason)
	t.fact("Logins", fmt.Sprint(st.Logins))
	t.fact("Keys closed", fmt.Sprint(st.ClosedKeys))
}

func (p *program) hsmInventory() *cli.Command {
	return &cli.Command{
		Name: "inventory", Usage: "compare the token's objects with what is stored", ArgsUsage: noOperands,
		Description: describe("Lists every object of the token and every key that should be there. Kinds: generation and row key are Keyhold's;\n"+
			"missing should be there and is not; birth and debris were left by a crash; stranger is somebody else's. It changes\n"+
			"nothing.",
			"keyhold hsm inventory"),
		Action: p.command(0, 0, func(c *cli.Context) error {
			return p.look(c, func(ctx context.Context, s *session) error {
				items, err := s.service.Inventory(ctx)
				if err != nil {
					return err
				}
				return p.showOwn(c, items, func(t *table) { t.inventory(items) })
			})
		}),
	}
}

func (t *table) inventory(items []kms.Item) {
	t.row("KIND", "OBJECT", "KEY", "GENERATION", "STATE", "LABEL")
	for _, i := range items {
		generation := ""
		if i.Generation != 0 {
			generation = fmt.Sprint(i.Generation)
		}
		t.row(i.Kind, or(i.Object, "-"), or(string(i.KeyID), "-"), or(generation, "-"), or(i.State, "-"), or(i.Label, "-"))
	}
}

func (p *program) hsmReconcile() *cli.Command {
	return &cli.Command{
		Name: "reconcile", Usage: "remove what a crash left in the token", ArgsUsage: noOperands,
		Description: describe("Half-made keys, which nobody can use, are destroyed, and so are keys whose making was cut short, if the token says\n"+
			"so too. What only the database says is forgotten, and the object stays in the token. Without --yes nothing is\n"+
			"changed: it shows what there is.", "keyhold hsm reconcile --yes"),
		Flags: []cli.Flag{yesFlag("do it")},
		Action: p.command(0, 0, func(c *cli.Context) error {
			// Opened to look, so that what is left over is dealt with, and shown, by the command itself.
			return p.look(c, func(ctx context.Context, s *session) error {
				if !c.Bool(yes) {
					return p.previewReconcile(ctx, c, s)
				}
				return p.reconcile(ctx, c, s)
			})
		}),
	}
}

func (p *program) previewReconcile(ctx context.Context, c *cli.Context, s *session) error {
	items, err := s.service.Inventory(ctx)
	if err != nil {
		return err
	}
	items = slices.DeleteFunc(items, func(i kms.Item) bool { return i.Kind != "debris" && i.Kind != "birth" })
	if len(items) == 0 {
		p.sayf("nothing is left over in the token")
		return nil
	}
	p.sayf("this would destroy what a crash left in the token; nothing has been changed")
	if err := writeTable(p.err, func(t *table) { t.inventory(items) }); err != nil {
		return err
	}
	if slices.ContainsFunc(items, func(i kms.Item) bool { return i.Kind == "birth" }) {
		p.sayf("of births, only those that the token knows to be unfinished; others are forgotten, and their objects stay")
	}
	p.sayf("to do it: %s --yes", c.Command.HelpName)
	return errReported
}

// leftover is one thing that reconcile dealt with.
type leftover struct {
	Done   string    `json:"done"` // "settled", "forgotten" or "removed"
	Object string    `json:"object,omitempty"`
	KeyID  kms.KeyID `json:"keyId,omitempty"`
	Label  string    `json:"label,omitempty"`
}

func (p *program) reconcile(ctx context.Context, c *cli.Context, s *session) error {
	r, err := s.service.RemoveDebris(ctx)
	if err != nil {
		return err
	}
	done := []leftover{}
	for _, b := range r.Settled {
		done = append(done, leftover{Done: "settled", Object: b.Object.String(), KeyID: b.KeyID})
	}
	for _, b := range slices.Concat(r.Kept, r.Forged) {
		done = append(done, leftover{Done: "forgotten", Object: b.Object.String(), KeyID: b.KeyID})
	}
	for _, o := range r.Removed {
		done = append(done, leftover{Done: "removed", Object: fmt.Sprintf("%x", o.ID), Label: o.Label})
	}
	if len(done) == 0 && !wantsJSON(c) {
		p.sayf("nothing is left over in the token")
		return nil
	}
	return p.showOwn(c, done, func(t *table) {
		t.row("DONE", "OBJECT", "KEY", "LABEL")
		for _, l := range done {
			t.row(l.Done, or(l.Object, "-"), or(string(l.KeyID), "-"), or(l.Label, "-"))
		}
	})
}
