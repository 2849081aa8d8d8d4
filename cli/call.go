package cli

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/urfave/cli/v2"
)

func (p *program) callCommand() *cli.Command {
	return &cli.Command{
		Name: "call", Usage: "send any API operation, with JSON", ArgsUsage: "OPERATION [JSON|@FILE|-]",
		Description: describe("Sends the operation with the members of a JSON object and prints the answer as JSON. Names of operations and\n"+
			"members are those of the APIs of AWS KMS and AWS STS, and of Keyhold's own for what AWS has no API of; a member that\n"+
			"the operation does not have is refused. What is secret belongs into a file or the standard input: other users can\n"+
			"see command lines.",
			"keyhold call --list",
			`keyhold call DescribeKey '{"KeyId": "alias/orders"}'`),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "list the operations"},
			dryRunFlag(),
		},
		Action: p.command(0, 2, p.call),
	}
}

func (p *program) call(c *cli.Context) error {
	table := map[string]kms.Description{}
	for _, d := range descriptions() {
		table[d.Name] = d
	}
	if c.Bool("list") {
		return p.listOperations(c, table)
	}
	if c.NArg() == 0 {
		return usagef(c, "name an operation, or --list")
	}
	name := c.Args().First()
	row, known := table[name]
	if !known {
		return unknownOperation(name, slices.Sorted(maps.Keys(table)))
	}
	in, err := p.callInput(c, row)
	if err != nil {
		return err
	}
	defer wipePlaintext(in)
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := s.do(ctx, name, in)
		if err != nil {
			return err
		}
		defer wipePlaintext(out)
		text, err := api.Encode(out)
		if err != nil {
			return err
		}
		defer secret.Wipe(text)
		return p.document(text)
	})
}

// descriptions are what the table of operations says of itself.
func descriptions() []kms.Description {
	var list []kms.Description
	for _, row := range ops.Table() {
		list = append(list, row.Describe())
	}
	return list
}

// unknownOperation proposes the operation that was probably meant; capitals do not count.
func unknownOperation(name string, known []string) error {
	if _, ok := api.UnservedOperations()[name]; ok {
		return api.NoOperation(name)
	}
	lower := make([]string, len(known))
	for i, k := range known {
		lower[i] = strings.ToLower(k)
	}
	at := slices.Index(lower, nearest(strings.ToLower(name), lower))
	if at < 0 {
		return api.UnknownOperation()
	}
	return advise(api.UnknownOperation(), "did you mean %s? See what there is with: keyhold call --list", known[at])
}

// callInput reads the members, and refuses what the operation does not have.
func (p *program) callInput(c *cli.Context, row kms.Description) (kms.Input, error) {
	text, err := p.callText(c)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(text)
	in := row.NewInput()
	err = api.Decode(text, in, api.RefuseUnknown)
	var unknown *api.UnknownMembersError
	if errors.As(err, &unknown) {
		return nil, usagef(c, "%s does not have: %s", row.Name, unknown.List())
	}
	if err != nil {
		return nil, err
	}
	if c.Bool("dry-run") {
		if !row.DryRun {
			return nil, usagef(c, "%s has no dry run", row.Name)
		}
		reflect.ValueOf(in).Elem().FieldByName("DryRun").Set(reflect.ValueOf(new(true)))
	}
	return in, nil
}

// wipePlaintext wipes the plaintext of a shape that has one.
func wipePlaintext(shape any) {
	v := reflect.Indirect(reflect.ValueOf(shape))
	if v.Kind() != reflect.Struct {
		return
	}
	if f := v.FieldByName("Plaintext"); f.IsValid() {
		if plaintext, ok := f.Interface().(api.Sensitive); ok {
			plaintext.Wipe()
		}
	}
}

func (p *program) callText(c *cli.Context) ([]byte, error) {
	switch word := c.Args().Get(1); {
	case word == "":
		return []byte("{}"), nil
	case word == "-":
		return p.readInput(c.Context, "-", api.MaxBody)
	case strings.HasPrefix(word, "@"):
		return p.readInput(c.Context, word[1:], api.MaxBody)
	default:
		return []byte(word), nil
	}
}

// operationEntry is a line of call --list.
type operationEntry struct {
	Name   string `json:"name"`
	API    string `json:"api"`
	Effect string `json:"effect"`
	DryRun bool   `json:"dryRun"`
}

var effectNames = map[kms.Effect]string{kms.Read: "reads", kms.Use: "uses a key", kms.Mutate: "changes"}

// apiNames are the families of operations, in the order in which they are listed.
var apiNames = [...]string{kms.KMS: "KMS", kms.STS: "STS", kms.Keyhold: "Keyhold"}

func (p *program) listOperations(c *cli.Context, rows map[string]kms.Description) error {
	var list []operationEntry
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		list = append(list, operationEntry{name, apiNames[row.Service], effectNames[row.Effect], row.DryRun})
	}
	slices.SortStableFunc(list, func(a, b operationEntry) int {
		return cmp.Compare(slices.Index(apiNames[:], a.API), slices.Index(apiNames[:], b.API))
	})
	return p.showOwn(c, list, func(t *table) {
		t.row("API", "OPERATION", "EFFECT", "DRY RUN")
		for _, e := range list {
			t.row(e.API, e.Name, e.Effect, yesNo(e.DryRun))
		}
	})
}
