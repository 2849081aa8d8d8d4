package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

const (
	endpointFlag     = "endpoint"
	endpointVariable = "KEYHOLD_ENDPOINT"

	// profileFlag is not called profile, which two commands have for something else.
	profileFlag = "aws-profile"
)

// endpointFlags are the flags of all commands that say where a server is and how it is asked.
func endpointFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: endpointFlag, Usage: "ask the server at `URL`, such as https://kms.example.com:8480, with the access key in AWS's variables or files",
			EnvVars: []string{endpointVariable}},
		&cli.StringFlag{Name: "region", Usage: "with --endpoint, the `REGION` that requests are signed for (default: AWS_REGION, or the profile's)"},
		&cli.StringFlag{Name: profileFlag, Usage: "with --endpoint, the access key of the profile `NAME` (default: the variables', else AWS_PROFILE)"},
		&cli.StringFlag{Name: "ca-file", Usage: "with --endpoint, the certificate of the server's authority, a PEM `FILE` (default: the system's)",
			EnvVars: []string{"KEYHOLD_CA_FILE"}, TakesFile: true},
		&cli.StringFlag{Name: "client-cert", Usage: "with --endpoint, the certificate that the server wants of clients, a PEM `FILE`",
			EnvVars: []string{"KEYHOLD_CLIENT_CERT"}, TakesFile: true},
		&cli.StringFlag{Name: "client-key", Usage: "with --endpoint, the certificate's key, a PEM `FILE`",
			EnvVars: []string{"KEYHOLD_CLIENT_KEY"}, TakesFile: true},
	}
}

// endpointOf is the server that a command asks, "" when it works on a data directory. What is typed counts more than
// variables, and among these the endpoint counts: who has read the file of variables of a server means it.
func endpointOf(c *cli.Context) string {
	if !isTyped(c, endpointFlag) && (isTyped(c, "data") || isTyped(c, "config")) {
		return ""
	}
	return c.String(endpointFlag)
}

// typedKey is where arrange leaves the flags of all commands that the command line has.
const typedKey = "typed"

// isTyped tells whether a flag of all commands stands on the command line, wherever else it may be set.
func isTyped(c *cli.Context, name string) bool {
	names, _ := c.App.Metadata[typedKey].([]string)
	return slices.Contains(names, name)
}

// home is what a command works on.
type home int

const (
	anywhere  home = iota // a server, or a data directory
	makes                 // a data directory that it makes or serves
	looksInto             // a data directory that is there
)

// homes are those of groups and commands that are not at home anywhere.
var homes = map[string]home{
	"init": makes, "dev": makes, "serve": makes, "doctor": looksInto, "hsm": looksInto, "policy reset": looksInto,
}

func homeOf(c *cli.Context) home {
	name := strings.TrimPrefix(c.Command.HelpName, c.App.HelpName+" ")
	group, _, _ := strings.Cut(name, " ")
	return max(homes[name], homes[group])
}

// checkEndpoint refuses command lines that name two places, none, or one where the command cannot work.
func checkEndpoint(c *cli.Context) error {
	url, typed := endpointOf(c), isTyped(c, endpointFlag)
	switch at := homeOf(c); {
	case typed && url == "":
		return usagef(c, "--%s is empty: name a server, or leave it out", endpointFlag)
	case typed && (isTyped(c, "data") || isTyped(c, "config")):
		return usagef(c, "--%s names a server elsewhere, and --data and --config a data directory here: choose one", endpointFlag)
	case at == makes && typed:
		return usagef(c, "%s works on a data directory of this machine: leave out --%s", c.Command.HelpName, endpointFlag)
	case at == makes || url == "":
		return refuseLone(c)
	case at == looksInto:
		return advise(fmt.Errorf("%s works on the data directory itself, on the server's machine, and not through %s", c.Command.HelpName, namedBy(c)),
			"run it there, and name the directory with --data")
	}
	return nil
}

// namedBy is what names the endpoint.
func namedBy(c *cli.Context) string {
	if isTyped(c, endpointFlag) {
		return "--" + endpointFlag
	}
	return endpointVariable
}

// refuseLone refuses flags that say how a server is asked where none is.
func refuseLone(c *cli.Context) error {
	for _, f := range endpointFlags() {
		if name := f.Names()[0]; isTyped(c, name) {
			return usagef(c, "--%s is for a server elsewhere: name it with --%s or %s", name, endpointFlag, endpointVariable)
		}
	}
	return nil
}

// typedEndpoint are the words by which the command line names the server, for proposals: the same command elsewhere is
// another one.
func typedEndpoint(c *cli.Context) (words string) {
	for _, f := range endpointFlags() {
		if name := f.Names()[0]; isTyped(c, name) {
			words += " --" + name + " " + shellWord(c.String(name))
		}
	}
	return words
}
