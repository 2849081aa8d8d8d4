// Keyhold is a key management service that speaks the AWS KMS protocol and keeps its master keys in your own HSM.
package main

import (
	"os"

	"github.com/keyhold/keyhold/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
