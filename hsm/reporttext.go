package hsm

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people: what the token is, how it would be used, what it proved, what it can do.
func (r Report) Text(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, line := range r.lines() {
		if _, err := fmt.Fprintf(tw, "%s\t%s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	if err := r.mechanismText(tw); err != nil {
		return err
	}
	if r.Problem != "" {
		if _, err := fmt.Fprintf(tw, "\nNOT USABLE: %s\n", r.Problem); err != nil {
			return err
		}
	}
	return tw.Flush()
}

func (r Report) lines() [][2]string {
	lines := [][2]string{
		{"module", r.Module},
		{"library", fmt.Sprintf("%s, %s %s, PKCS #11 %s", r.Library.Manufacturer, r.Library.Description, r.Library.Version, r.Library.Cryptoki)},
		{"token", fmt.Sprintf("%q serial %s in slot %d", r.Token.Label, r.Token.Serial, r.Token.Slot)},
		{"model", fmt.Sprintf("%s %s, firmware %s, hardware %s", r.Token.Manufacturer, r.Token.Model, r.Token.Firmware, r.Token.Hardware)},
		{"flags", strings.Join(r.Token.Flags, " ")},
		{"sessions", fmt.Sprintf("%s allowed, %d used", r.Token.MaxSessions, r.Choices.Sessions)},
		{"profile", fmt.Sprintf("%s: %s (from: %s)", r.Profile.Name, r.Profile.Why, r.Profile.Document)},
		{"cipher", fmt.Sprintf("%s, IV %s", r.Choices.Mechanism, r.Choices.IVPolicy)},
		{"template", fmt.Sprintf("MODIFIABLE and COPYABLE false: %s; ALLOWED_MECHANISMS: %s", accepted(r.Choices.Template.Frozen), accepted(r.Choices.Template.AllowedMechanisms))},
		{"exclusive", fmt.Sprint(r.Choices.Exclusive)},
		{"wrap refusal", "tried with " + orNone(r.Choices.Wraps)},
		{"", ""},
	}
	for _, c := range r.Checks {
		lines = append(lines, [2]string{mark(c.OK) + " " + c.Name, c.Detail})
	}
	return lines
}

func (r Report) mechanismText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\nmechanism\tkey sizes\tfor\n"); err != nil {
		return err
	}
	for _, m := range r.Mechanisms {
		if _, err := fmt.Fprintf(w, "%s\t%d..%d\t%s\n", m.Mechanism, m.MinKey, m.MaxKey, strings.Join(m.Flags, " ")); err != nil {
			return err
		}
	}
	return nil
}

func accepted(yes bool) string {
	if yes {
		return "set"
	}
	return "not accepted"
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
