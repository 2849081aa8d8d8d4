package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

// The formats of results.
const (
	formatTable = "table"
	formatJSON  = "json"
)

func checkFormat(c *cli.Context) error {
	if f := c.String("output"); f != formatTable && f != formatJSON {
		return usagef(c, "-o %s: the formats are table and json", f)
	}
	return nil
}

func wantsJSON(c *cli.Context) bool { return c.String("output") == formatJSON }

// show prints the answer of an operation: its wire form as JSON, or what fill puts into a table.
func (p *program) show(c *cli.Context, out any, fill func(*table)) error {
	if !wantsJSON(c) {
		return p.table(fill)
	}
	text, err := api.Encode(out)
	if err != nil {
		return err
	}
	defer secret.Wipe(text)
	return p.document(text)
}

// showOwn is show for answers that are not of the AWS API.
func (p *program) showOwn(c *cli.Context, out any, fill func(*table)) error {
	if !wantsJSON(c) {
		return p.table(fill)
	}
	return p.printJSON(out)
}

func (p *program) printJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	defer secret.Wipe(text)
	return p.document(text)
}

// document prints a JSON document. What could do things to a terminal is spelled out, as JSON allows it in texts, and has
// it nowhere else.
func (p *program) document(text []byte) error {
	if !bytes.ContainsFunc(text, unfit) {
		return p.print(text, []byte("\n"))
	}
	spelled := make([]byte, 0, 2*len(text))
	defer secret.Wipe(spelled)
	for size := 0; len(text) > 0; text = text[size:] {
		var r rune
		if r, size = utf8.DecodeRune(text); !unfit(r) {
			spelled = append(spelled, text[:size]...)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			spelled = fmt.Appendf(spelled, `\u%04x`, unit)
		}
	}
	return p.print(spelled, []byte("\n"))
}

// unfit are the control and format characters that encoding/json writes as they are.
func unfit(r rune) bool { return r > '~' && !unicode.IsPrint(r) }

func (p *program) print(parts ...[]byte) error {
	for _, part := range parts {
		if _, err := p.out.Write(part); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}

func (p *program) table(fill func(*table)) error { return writeTable(p.out, fill) }

func writeTable(w io.Writer, fill func(*table)) error {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fill(t)
	if t.err == nil {
		t.err = t.w.Flush()
	}
	if t.err != nil {
		return fmt.Errorf("write the result: %w", t.err)
	}
	return nil
}

// table lays out columns. Its first error stays.
type table struct {
	w   *tabwriter.Writer
	err error
}

// row adds a line of cells.
func (t *table) row(cells ...string) {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		clean[i] = printable(cell)
	}
	t.line(strings.TrimRight(strings.Join(clean, "\t"), "\t"))
}

// fact adds a line "name  value", unless the value is empty.
func (t *table) fact(name, value string) {
	if value != "" {
		t.row(name, value)
	}
}

// line adds text as it is.
func (t *table) line(text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, text)
	}
}

// printable quotes what could do things to a terminal or to the columns: descriptions, tags and labels are anybody's.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}

// legible spells out what could do things to a terminal, and keeps lines and all other text as they are. It is for
// sentences, in which printable would quote everything.
func legible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		text := s[:size]
		if r != '\n' && (!unicode.IsPrint(r) || r == utf8.RuneError) {
			text = strings.Trim(strconv.Quote(text), `"`)
		}
		b.WriteString(text)
		s = s[size:]
	}
	return b.String()
}

func instant(t api.Time) string {
	if t == 0 {
		return ""
	}
	return t.Time().Format(time.RFC3339)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
