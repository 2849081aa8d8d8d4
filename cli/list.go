package cli

import "github.com/urfave/cli/v2"

// list is a list that comes in pages of output shape O and has entries E.
type list[O, E any] struct {
	page func(limit *int32, marker *string) (*O, error)
	part func(page *O) (entries *[]E, truncated bool, next string)
	head []string         // of the table
	row  func(E) []string // of the table
}

// read asks for one page, or with --all for every page from there on. The answer is the last page, with the entries of all.
func (l list[O, E]) read(c *cli.Context) (all *O, err error) {
	var entries []E
	err = paged(c, func(limit *int32, marker *string) (string, error) {
		page, err := l.page(limit, marker)
		if err != nil {
			return "", err
		}
		got, truncated, next := l.part(page)
		entries = append(entries, *got...)
		*got, all = entries, page
		return further(truncated, next)
	})
	return all, err
}

// show reads the list and prints it.
func (l list[O, E]) show(p *program, c *cli.Context) error {
	all, err := l.read(c)
	if err != nil {
		return err
	}
	entries, _, next := l.part(all)
	defer p.sayMore(c, next)
	return p.show(c, all, func(t *table) {
		t.row(l.head...)
		for _, e := range *entries {
			t.row(l.row(e)...)
		}
	})
}
