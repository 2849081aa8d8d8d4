package hsm

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people: what the token is, how it would be used, what it proved, which claims of its
// profile it bears out, what to configure, and what it can do.
func (r Report) Text(w io.Writer) error {
	for i, section := range []struct {
		title string
		rows  [][]string
	}{
		{"", r.factRows()},
		{"self-test", r.checkRows()},
		{"claims of the profile", r.claimRows()},
		{"key wrapping\tformat by a known answer", r.wrapRows()},
		{"IV policy tried besides\toutcome", r.trialRows()},
		{"not verified", r.unverifiedRows()},
		{"recommended configuration", indented(r.Recommended)},
		{"mechanism\tkey sizes\tfor", r.mechanismRows()},
	} {
		if len(section.rows) == 0 {
			continue
		}
		if err := writeSection(w, i > 0, section.title, section.rows); err != nil {
			return err
		}
	}
	if r.Problem == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nNOT USABLE: %s\n", r.Problem)
	return err
}

// writeSection aligns a section's columns among themselves.
func writeSection(w io.Writer, spaced bool, title string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	var b strings.Builder
	if spaced {
		b.WriteString("\n")
	}
	if title != "" {
		b.WriteString(title + "\n")
	}
	for _, row := range rows {
		b.WriteString(strings.Join(row, "\t") + "\n")
	}
	if _, err := io.WriteString(tw, b.String()); err != nil {
		return err
	}
	return tw.Flush()
}

func (r Report) factRows() [][]string {
	c := r.Choices
	return [][]string{
		{"module", r.Module},
		{"library", fmt.Sprintf("%s, %s %s, PKCS #11 %s", r.Library.Manufacturer, r.Library.Description, r.Library.Version, r.Library.Cryptoki)},
		{"token", fmt.Sprintf("%q serial %s in slot %d", r.Token.Label, r.Token.Serial, r.Token.Slot)},
		{"model", fmt.Sprintf("%s %s, firmware %s, hardware %s", r.Token.Manufacturer, r.Token.Model, r.Token.Firmware, r.Token.Hardware)},
		{"flags", strings.Join(r.Token.Flags, " ")},
		{"sessions", fmt.Sprintf("%s allowed, %d used", r.Token.MaxSessions, c.Sessions)},
		{"profile", fmt.Sprintf("%s (%s): %s", r.Profile.Name, r.Profile.Product, r.Profile.Why)},
		{"documents", r.Profile.Document},
		{"cipher", fmt.Sprintf("%s, IV %s", c.Mechanism, c.IVPolicy)},
		{"template", fmt.Sprintf("MODIFIABLE and COPYABLE false: %s; ALLOWED_MECHANISMS: %s; ENCRYPT, DECRYPT, WRAP and UNWRAP of MAC keys: %s",
			accepted(c.Template.Frozen), accepted(c.Template.AllowedMechanisms), accepted(c.Template.MACUsages))},
		{"limits", fmt.Sprintf("AES-GCM %s, HMAC %s, %s", limitText(c.MaxMessage, "octets"), limitText(c.MaxMAC, "octets"), limitText(c.MaxObjects, "objects"))},
		{"exclusive", fmt.Sprint(c.Exclusive)},
		{"wrap refusal", "tried with " + orNone(c.Wraps)},
	}
}

func (r Report) checkRows() [][]string {
	var rows [][]string
	for _, c := range r.Checks {
		rows = append(rows, []string{mark(c.OK) + " " + c.Name, c.Detail})
	}
	return rows
}

func (r Report) claimRows() [][]string {
	var rows [][]string
	for _, c := range r.Claims {
		rows = append(rows, []string{string(c.Outcome), c.Says}, []string{"", "  " + c.Detail})
		if c.Source != "" {
			rows = append(rows, []string{"", "  from " + c.Source})
		}
	}
	return rows
}

func (r Report) wrapRows() [][]string {
	var rows [][]string
	for _, k := range r.KeyWraps {
		rows = append(rows, []string{k.Mechanism, k.Format})
	}
	return rows
}

func (r Report) trialRows() [][]string {
	var rows [][]string
	for _, trial := range r.IVTrials {
		outcome := "refused: " + trial.Detail
		if trial.Proven {
			outcome = "proven; set token.iv to it"
		}
		rows = append(rows, []string{trial.Policy, outcome})
	}
	return rows
}

func (r Report) unverifiedRows() [][]string {
	var rows [][]string
	for _, text := range r.Unverified {
		rows = append(rows, []string{"  " + text})
	}
	return rows
}

func (r Report) mechanismRows() [][]string {
	var rows [][]string
	for _, m := range r.Mechanisms {
		rows = append(rows, []string{m.Mechanism, fmt.Sprintf("%d..%d", m.MinKey, m.MaxKey), strings.Join(m.Flags, " ")})
	}
	return rows
}

func indented(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		rows = append(rows, []string{"  " + strings.TrimSuffix(line, "\n")})
	}
	return rows
}

// limitText words a limit of which 0 is none that is known.
func limitText(n int, unit string) string {
	if n == 0 {
		return "any number of " + unit
	}
	return fmt.Sprintf("%d %s", n, unit)
}

func accepted(yes bool) string {
	if yes {
		return "set"
	}
	return "left out"
}

func mark(ok bool) string {
	if ok {
		return "ok  "
	}
	return "FAIL"
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no mechanism: the token has none that wraps"
	}
	return strings.Join(names, ", ")
}
