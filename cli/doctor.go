package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/ownership"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/urfave/cli/v2"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check everything, and say how to mend what is wrong", ArgsUsage: noOperands,
		Description: describe("Looks at the configuration, the data directory, the token and its self-test, the audit log, every stored row of\n"+
			"authority and the material of every key. It changes no row and no key, and exits with 1 when something is wrong.", "keyhold doctor"),
		Action: p.command(0, 0, p.doctor),
	}
}

func (p *program) doctor(c *cli.Context) error {
	findings, err := p.examine(c)
	if err != nil {
		return err
	}
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
	}
	if err := p.showOwn(c, findings, func(t *table) { t.findings(findings) }); err != nil {
		return err
	}
	if bad > 0 {
		p.sayf("to mend: %d of %d findings", bad, len(findings))
		return errReported
	}
	return nil
}

func (t *table) findings(findings []kms.Finding) {
	for _, f := range findings {
		mark := "ok"
		if !f.OK {
			mark = "BAD"
		}
		t.row(mark, f.Subject, f.Detail)
		if f.Fix != "" {
			t.row("", "", "fix: "+f.Fix)
		}
	}
}

// examine goes as far as it can: what cannot be opened is a finding and ends the examination. The error is of the
// examination itself.
func (p *program) examine(c *cli.Context) (findings []kms.Finding, err error) {
	findings = append(findings, fipsNow().finding())
	note := func(f kms.Finding) error {
		findings = append(findings, f)
		return c.Context.Err()
	}
	config, err := loadConfig(c)
	if err != nil {
		return findings, note(failing("configuration", err, "Make one with keyhold init, or name another with --config or --data."))
	}
	findings = append(findings, kms.Finding{Subject: "configuration", OK: true, Detail: configPath(c)})
	findings = append(findings, privacy(dataDir(c), configPath(c), auditDir(dataDir(c), config))...)
	s := p.session(c, config)
	s.readOnly = true
	defer func() { err = errors.Join(err, s.close(c.Context)) }()
	return findings, p.examineSession(c, s, note)
}

func (p *program) examineSession(c *cli.Context, s *session, note func(kms.Finding) error) (err error) {
	if s.store, err = p.openStore(c, s.config, s.log); err != nil {
		return note(failing("store", err, storeFix(err)))
	}
	if err := note(kms.Finding{Subject: "store", OK: true, Detail: "locked, whole, and its schema is exactly that of this version"}); err != nil {
		return err
	}
	for _, step := range s.steps() {
		if err := step.open(c.Context); err != nil {
			return note(failing(step.subject, err, step.fix))
		}
		if err := note(kms.Finding{Subject: step.subject, OK: true, Detail: step.detail()}); err != nil {
			return err
		}
	}
	return s.service.Inspect(c.Context, note)
}

// failing is the finding that something cannot be opened.
func failing(subject string, err error, fix string) kms.Finding {
	var given *advised
	if errors.As(err, &given) {
		fix = given.advice
	}
	var config *configs.Error
	if errors.As(err, &config) {
		fix = "Correct the lines that are named."
	}
	var exposed *ownership.Error
	if errors.As(err, &exposed) {
		fix = exposed.Fix
	}
	return kms.Finding{Subject: subject, Detail: strings.ReplaceAll(err.Error(), "\n", "; "), Fix: fix}
}

func storeFix(err error) string {
	switch {
	case errors.Is(err, sqlite.ErrLocked):
		return "Stop the process that holds it, or wait for it."
	case errors.Is(err, sqlite.ErrDamaged):
		return "Restore the data directory from a backup."
	case errors.Is(err, sqlite.ErrNotOurs):
		return "Restore keyhold.db from a backup and keep what is there now for study, or name the right directory with --data."
	case errors.Is(err, sqlite.ErrFull):
		return "Make room on the disk of the data directory."
	case errors.Is(err, sqlite.ErrNewer):
		return "Use the newer keyhold."
	default:
		return "Name the right directory with --data, and run as its owner."
	}
}

// privacy looks at who else than the owner can reach the files.
func privacy(data, config, audit string) []kms.Finding {
	var out []kms.Finding
	for _, place := range []struct {
		path      string
		forbidden fs.FileMode // permissions that nobody but the owner may have
	}{
		{data, 0o077}, {filepath.Join(data, "keyhold.db"), 0o077}, {config, 0o022}, {audit, 0o077},
	} {
		info, err := os.Stat(place.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // what must be there, the next steps miss
		}
		if err != nil {
			out = append(out, failing("permissions", err, "Run as the owner of the data directory."))
			continue
		}
		out = append(out, privacyOf(place.path, info, place.forbidden)...)
	}
	if len(out) == 0 {
		return []kms.Finding{{Subject: "permissions", OK: true, Detail: data + " is its owner's alone"}}
	}
	return out
}

func privacyOf(path string, info fs.FileInfo, forbidden fs.FileMode) []kms.Finding {
	var out []kms.Finding
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		out = append(out, kms.Finding{Subject: "permissions", Detail: fmt.Sprintf("%s has mode %04o, so others than its owner can reach it", path, mode),
			Fix: fmt.Sprintf("chmod %04o %s", mode&^forbidden, shellWord(path))})
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		out = append(out, kms.Finding{Subject: "permissions", Detail: fmt.Sprintf("%s belongs to user %d", path, st.Uid), Fix: "Run as that user."})
	}
	return out
}
