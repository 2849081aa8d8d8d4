package cli

import (
	"embed"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/urfave/cli/v2"
)

// completeName is the hidden command that the scripts ask what may come next.
const completeName = "__complete"

//go:embed completion
var completionScripts embed.FS

// completionFiles are the scripts by shell.
var completionFiles = map[string]string{"bash": "completion/bash.sh", "zsh": "completion/zsh.sh", "fish": "completion/fish.fish"}

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script that lets a shell complete commands and flags", ArgsUsage: "bash|zsh|fish",
		Description: describe("The first lines of the script say where it belongs.", "source <(keyhold completion bash)"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			file, known := completionFiles[c.Args().First()]
			if !known {
				return usagef(c, "%q: the shells are bash, zsh and fish", c.Args().First())
			}
			text, err := completionScripts.ReadFile(file)
			if err != nil {
				return err
			}
			return p.print(text)
		}),
	}
}

func (p *program) completeCommand() *cli.Command {
	return &cli.Command{
		Name: completeName, Hidden: true, SkipFlagParsing: true, Usage: "list what may come next",
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) < 3 {
				return nil // a shell, the program's name and the word to complete
			}
			suggest := suggest
			if words[0] == "files" {
				suggest = suggestFiles
			}
			for _, s := range suggest(c.App, words[2:]) {
				if err := p.print([]byte(s.line(words[0]) + "\n")); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// suggestion is a word that may come next.
type suggestion struct{ word, usage string }

// line is the suggestion as the shell's script wants it.
func (s suggestion) line(shell string) string {
	switch shell {
	case "fish":
		return s.word + "\t" + s.usage
	case "zsh":
		return strings.ReplaceAll(s.word, ":", `\:`) + ":" + s.usage
	default:
		return s.word
	}
}

// suggest lists what the last of the words may become: commands, flags, or the values of a flag. Nothing means that the
// shell's own completion of files will do.
func suggest(app *cli.App, words []string) []suggestion {
	l, flag, word := readTo(app, words)
	if flag != nil {
		return valuesOf(flag, word)
	}
	var found []suggestion
	if strings.HasPrefix(word, "-") {
		for _, f := range l.known {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				found = append(found, suggestion{"--" + f.Names()[0], strings.ReplaceAll(d.GetUsage(), "`", "")})
			}
		}
	} else {
		for _, c := range l.level {
			if !c.Hidden {
				found = append(found, suggestion{c.Name, c.Usage})
			}
		}
		found = append(found, l.choices()...)
	}
	return beginning(word, found)
}

// choices are what the next operand may be, where its usage names words to choose from, as user|role does.
func (l *line) choices() []suggestion {
	operands := strings.Fields(strings.Trim(l.usage, "[]"))
	if len(l.operands) >= len(operands) {
		return nil
	}
	words := strings.Split(operands[len(l.operands)], "|")
	if len(words) < 2 {
		return nil
	}
	var found []suggestion
	for _, word := range words {
		if word != "-" && word == strings.ToLower(word) {
			found = append(found, suggestion{word, "one of " + strings.Join(words, ", ")})
		}
	}
	return found
}

// readTo reads the words before the last one, and returns the flag that wants the last one as its value, if one does.
func readTo(app *cli.App, words []string) (l *line, flag cli.Flag, word string) {
	l = newLine(app)
	last := len(words) - 1
	for before := words[:last]; len(before) > 0; {
		if f := findFlag(l.known, strings.TrimLeft(before[0], "-")); strings.HasPrefix(before[0], "-") && len(before) == 1 &&
			f != nil && takesValue(f) {
			return l, f, words[last]
		}
		before = l.take(before)
	}
	return l, nil, words[last]
}

// suggestFiles suggests "files", for shells that have to be asked, where the last of the words may become the name of one:
// the value of a flag, or an operand, that is a file.
func suggestFiles(app *cli.App, words []string) []suggestion {
	l, flag, word := readTo(app, words)
	fits := false
	if flag != nil {
		f, ok := flag.(*cli.StringFlag)
		fits = ok && f.TakesFile
	} else if operands := strings.Fields(l.usage); !strings.HasPrefix(word, "-") && len(l.operands) < len(operands) {
		fits = slices.Contains(strings.FieldsFunc(operands[len(l.operands)], func(r rune) bool { return strings.ContainsRune("[|]", r) }), "FILE")
	}
	if !fits {
		return nil
	}
	return []suggestion{{word: "files"}}
}

// valuesOf are the values of a flag that has few.
func valuesOf(f cli.Flag, prefix string) []suggestion {
	var found []suggestion
	switch f.Names()[0] {
	case "output":
		found = []suggestion{{formatTable, "for people"}, {formatJSON, "for programs"}}
	case "kind":
		for _, k := range policyKinds {
			found = append(found, suggestion{k.name, k.usage})
		}
	case "operation":
		for _, operation := range keyspec.GrantOperations.Values() {
			found = append(found, suggestion{string(operation), "grant operation"})
		}
	}
	return beginning(prefix, found)
}

func beginning(prefix string, all []suggestion) []suggestion {
	return slices.DeleteFunc(all, func(s suggestion) bool { return !strings.HasPrefix(s.word, prefix) })
}
