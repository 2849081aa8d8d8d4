package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts the words of a command line into the order that the parser of flags wants: global flags, commands, the
// command's flags, operands. So flags may stand anywhere. It refuses flags that nobody knows, and flags without the value
// that they want.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 || len(args) > 1 && args[1] == completeName {
		return args, nil
	}
	l := newLine(app)
	words := args[1:]
	if len(words) > 0 && words[0] == "help" {
		words = append(slices.Clone(words[1:]), "--help")
	}
	for len(words) > 0 {
		words = l.take(words)
	}
	if l.problem != nil {
		return nil, &usageError{cause: l.problem, usage: strings.Join(slices.Concat([]string{app.HelpName}, l.path, []string{"--help"}), " ")}
	}
	app.Metadata = map[string]any{typedKey: l.typed()}
	if l.asksForHelp() { // whatever was typed before it
		l.operands = nil
	}
	global, local := l.sorted()
	out := slices.Concat(args[:1], global, l.path, local)
	if len(l.operands) > 0 && len(l.path) > 0 {
		out = append(out, "--")
	}
	return append(out, l.operands...), nil
}

// line is a command line as far as it has been read.
type line struct {
	level  []*cli.Command // the commands that may come next
	leaf   bool           // nothing but flags and operands can come
	known  []cli.Flag     // flags that may come
	shared []cli.Flag     // of those the global ones
	own    []cli.Flag     // of those the command's
	usage  string         // of the operands

	path, operands []string
	flags          []flagWords

	problem error // the first mistake
}

// flagWords are a flag that was given, and the words that give it.
type flagWords struct {
	name  string
	words []string
}

// isGlobal tells a flag of all commands that the command has no other one of.
func (l *line) isGlobal(f flagWords) bool {
	return findFlag(l.own, f.name) == nil && findFlag(l.shared, f.name) != nil
}

// typed are the names of the flags of all commands that were given.
func (l *line) typed() (names []string) {
	for _, f := range l.flags {
		if l.isGlobal(f) {
			names = append(names, findFlag(l.shared, f.name).Names()[0])
		}
	}
	return names
}

func (l *line) asksForHelp() bool {
	return slices.ContainsFunc(l.flags, func(f flagWords) bool { return slices.Contains(cli.HelpFlag.Names(), f.name) })
}

// sorted parts the flags. One that both the command and all commands have is the command's, wherever it stands.
func (l *line) sorted() (global, local []string) {
	for _, f := range l.flags {
		if l.isGlobal(f) {
			global = append(global, f.words...)
		} else {
			local = append(local, f.words...)
		}
	}
	return global, local
}

func newLine(app *cli.App) *line {
	shared := withFlag(app.Flags, cli.VersionFlag)
	return &line{level: app.Commands, known: withFlag(shared, cli.HelpFlag), shared: shared}
}

// withFlag adds a flag of urfave/cli, which adds it itself when it runs: a completion is such a run.
func withFlag(flags []cli.Flag, flag cli.Flag) []cli.Flag {
	if findFlag(flags, flag.Names()[0]) != nil {
		return flags
	}
	return append(slices.Clone(flags), flag)
}

// take reads one word, with the value if it is a flag, and returns the rest.
func (l *line) take(words []string) []string {
	word, rest := words[0], words[1:]
	switch {
	case word == "--":
		l.operands = append(l.operands, rest...)
		return nil
	case strings.HasPrefix(word, "-") && word != "-":
		return l.flag(word, rest)
	case l.leaf:
		l.operands = append(l.operands, word)
		return rest
	}
	l.path = append(l.path, word)
	at := slices.IndexFunc(l.level, func(c *cli.Command) bool { return c.HasName(word) })
	if at < 0 {
		l.level, l.leaf = nil, true
		return rest
	}
	command := l.level[at]
	l.level, l.leaf, l.usage = command.Subcommands, len(command.Subcommands) == 0, command.ArgsUsage
	l.own = command.Flags
	l.known = withFlag(slices.Concat(l.own, l.shared), cli.HelpFlag)
	return rest
}

func (l *line) flag(word string, rest []string) []string {
	name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	known := findFlag(l.known, name)
	if known == nil {
		l.refuse("there is no flag %s here%s", word, l.proposal(name))
		return rest
	}
	given := flagWords{name, []string{word}}
	if takesValue(known) && !hasValue {
		if len(rest) == 0 {
			l.refuse("the flag %s wants a value", word)
			return nil
		}
		given.words, rest = append(given.words, rest[0]), rest[1:]
	}
	l.flags = append(l.flags, given)
	return rest
}

func (l *line) refuse(format string, args ...any) {
	if l.problem == nil {
		l.problem = fmt.Errorf(format, args...)
	}
}

// proposal names the flag that was probably meant.
func (l *line) proposal(name string) string {
	var names []string
	for _, f := range l.known {
		names = append(names, f.Names()[0])
	}
	if near := nearest(name, names); near != "" {
		return "; did you mean --" + near + "?"
	}
	return ""
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	at := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if at < 0 {
		return nil
	}
	return flags[at]
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}
