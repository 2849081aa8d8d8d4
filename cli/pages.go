package cli

import (
	"errors"

	"github.com/urfave/cli/v2"
)

// pageFlags choose the part of a list that is shown.
func pageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "limit", Usage: "at most `N` entries a page"},
		&cli.StringFlag{Name: "marker", Usage: "the page after `MARKER`, which the page before told"},
		&cli.BoolFlag{Name: "all", Usage: "all pages"},
	}
}

// paged asks for one page, or with --all for every page from there on. next keeps what it got and returns the marker of
// the page after it, as further does.
func paged(c *cli.Context, next func(limit *int32, marker *string) (string, error)) error {
	limit, marker := flagNumber(c, "limit"), flagText(c, "marker")
	if !c.Bool("all") {
		_, err := next(limit, marker)
		return err
	}
	return everyPage(marker, func(marker *string) (string, error) { return next(limit, marker) })
}

// everyPage asks for one page after the other, from a marker on, nil being the first page. next returns the marker of the
// page after the one that it got, as further does. A marker that comes again ends it: the same pages would follow.
func everyPage(marker *string, next func(marker *string) (string, error)) error {
	seen := map[string]bool{}
	for {
		if marker != nil {
			seen[*marker] = true
		}
		after, err := next(marker)
		if err != nil || after == "" {
			return err
		}
		if seen[after] {
			return advise(errors.New("the server's list has no end: it leads back to an earlier page"), "look whether the endpoint is that of a KMS")
		}
		marker = &after
	}
}

// further is the marker of the page behind one, "" when that is the last.
func further(truncated bool, next string) (string, error) {
	switch {
	case !truncated:
		return "", nil
	case next == "":
		return "", advise(errors.New("the server says that its list goes on, and not where"), "look whether the endpoint is that of a KMS")
	}
	return next, nil
}

// sayMore tells how to see the rest of a list.
func (p *program) sayMore(c *cli.Context, marker string) {
	if marker != "" && !wantsJSON(c) {
		p.sayf("there are more: --all shows all of them, --marker %s the next page", marker)
	}
}
