package cli

import (
	"runtime"

	"github.com/urfave/cli/v2"
)

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", ArgsUsage: noOperands,
		Description: describe("Prints the version of the program and of the Go that built it, and whether Go's cryptography runs in FIPS 140-3 mode.", "keyhold version -o json"),
		Action: p.command(0, 0, func(c *cli.Context) error {
			v := struct {
				Version  string `json:"version"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
				FIPS140  fips   `json:"fips140"`
			}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, fipsNow()}
			return p.showOwn(c, v, func(t *table) {
				t.line("keyhold " + v.Version + " (" + v.Go + ", " + v.Platform + ")")
				t.line(v.FIPS140.String())
			})
		}),
	}
}
