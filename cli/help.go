package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// The help texts are templates of package cli, in which FLAGS stands for lines that flagLines makes. Flags of all
// commands are listed once, by keyhold --help.
const (
	appHelp = `keyhold: {{.Usage}}

USAGE:
   keyhold [--data DIR | --endpoint URL] [-o table|json] COMMAND ...

   {{wrap .Description 3}}

COMMANDS:{{range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}

FLAGS OF ALL COMMANDS:
FLAGS
keyhold COMMAND --help says more about each.
`
	groupHelp = `{{.HelpName}}: {{.Usage}}

USAGE:
   {{.HelpName}} COMMAND ...

COMMANDS:{{range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}

{{.HelpName}} COMMAND --help says more about each.
`
	leafHelp = `{{.HelpName}}: {{.Usage}}

USAGE:
   {{.HelpName}} [flags]{{with trim .ArgsUsage}} {{.}}{{end}}

   {{wrap .Description 3}}

FLAGS:
FLAGS
The flags of all commands, such as --data and -o, are listed by keyhold --help.
`
)

// helpWith is a help text with its lines about flags.
func helpWith(text string, flags []cli.Flag) string {
	return strings.Replace(text, "\nFLAGS\n", "\n"+flagLines(flags)+"\n", 1)
}

// flagLines is one line for each flag: names, tab, what it is for. The word in backquotes stands for the value.
func flagLines(flags []cli.Flag) string {
	var b strings.Builder
	for _, f := range append(flags[:len(flags):len(flags)], cli.HelpFlag) {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		usage, value := d.GetUsage(), ""
		if before, rest, marked := strings.Cut(usage, "`"); marked {
			word, after, _ := strings.Cut(rest, "`")
			usage, value = before+word+after, " "+word
		}
		if d.TakesValue() && d.GetDefaultText() != "" && d.GetDefaultText() != "0" {
			usage += " (default: " + strings.Trim(d.GetDefaultText(), `"`) + ")"
		}
		for _, variable := range d.GetEnvVars() {
			usage += " [$" + variable + "]"
		}
		fmt.Fprintf(&b, "   %s%s\t%s\n", dashed(f.Names()), value, usage)
	}
	return b.String()
}

func dashed(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = "--" + name
		if len(name) == 1 {
			words[i] = "-" + name
		}
	}
	return strings.Join(words, ", ")
}

// noOperands is the ArgsUsage of a command that takes flags only.
const noOperands = " "

// describe is a command's description: what it does, and what to type.
func describe(text string, commands ...string) string {
	return strings.TrimRight(text, "\n") + "\n\n" + example(commands...)
}

func example(commands ...string) string {
	return "Example:\n   " + strings.Join(commands, "\n   ")
}

// dress gives every command of the tree what all of them share.
func dress(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelpCommand = true
		c.OnUsageError = badFlag
		c.CustomHelpTemplate = helpWith(leafHelp, c.Flags)
		if len(c.Subcommands) > 0 {
			c.CustomHelpTemplate, c.Action = groupHelp, noCommand
		}
		dress(c.Subcommands)
	}
}

// noCommand is run where a command was expected and none of that name is known.
func noCommand(c *cli.Context) error {
	known, template, data := c.App.Commands, c.App.CustomAppHelpTemplate, any(c.App)
	if c.Command != nil && c.Command.HelpName != c.App.HelpName {
		known, template, data = c.Command.Subcommands, groupHelp, c.Command
	}
	word := c.Args().First()
	if word == "" {
		cli.HelpPrinter(c.App.ErrWriter, template, data)
		return usagef(c, "a command is missing")
	}
	var names []string
	for _, command := range known {
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	if near := nearest(word, names); near != "" {
		return usagef(c, "there is no command %q; did you mean %s?", word, near)
	}
	return usagef(c, "there is no command %q", word)
}

func badFlag(c *cli.Context, err error, _ bool) error { return usagef(c, "%w", err) }

// nearest is the first name with the fewest edits from word, two at most, or "".
func nearest(word string, names []string) string {
	best, found := 3, ""
	for _, name := range names {
		if d := distance(word, name); d < best && d < len(word) {
			best, found = d, name
		}
	}
	return found
}

// distance is Levenshtein's: insertions, deletions and substitutions.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
