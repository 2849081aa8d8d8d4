package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/httpapi"
	"github.com/urfave/cli/v2"
)

// endpoint is a server elsewhere, which is asked as every client asks it: with signatures, as whom the access key is of.
type endpoint struct {
	client *client.Client
	url    string
}

// reach makes the client of the server that the command line names. Nothing is sent yet.
func reach(c *cli.Context) (*endpoint, error) {
	if _, given := actingAccount(c); given {
		return nil, usagef(c, "--account is for the owner of a data directory, who is the root of every account; through %s the account is that of "+
			"the access key: leave out --account", namedBy(c))
	}
	url := endpointOf(c)
	secure, err := clientTLS(c)
	if err != nil {
		return nil, err
	}
	where := environment(c)
	region := c.String("region")
	if region == "" {
		if region, err = where.Region(); err != nil {
			return nil, advise(err, "--region names it, too: the one that the server's data directory is for")
		}
	}
	made, err := client.New(client.Config{Endpoint: url, Region: region, Credentials: where, TLS: secure, UserAgent: "keyhold-cli/" + version})
	if err != nil {
		return nil, fmt.Errorf("use %s: %w", namedBy(c), err)
	}
	return &endpoint{made, strings.TrimSuffix(url, "/")}, nil
}

// accessKeyVariables are passed over where a profile is typed, as the AWS CLI does.
var accessKeyVariables = map[string]bool{"AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true}

// environment is where the access key is found.
func environment(c *cli.Context) client.Environment {
	e := client.Environment{Profile: c.String(profileFlag)}
	if e.Profile != "" {
		e.Getenv = func(name string) string {
			if accessKeyVariables[name] {
				return ""
			}
			return os.Getenv(name)
		}
	}
	return e
}

// clientTLS is what is said about certificates; nil when nothing is.
func clientTLS(c *cli.Context) (*tls.Config, error) {
	ca, cert, key := c.String("ca-file"), c.String("client-cert"), c.String("client-key")
	switch {
	case ca == "" && cert == "" && key == "":
		return nil, nil //nolint:nilnil // the client has a default
	case (cert == "") != (key == ""):
		return nil, usagef(c, "--client-cert and --client-key belong together: give both or neither")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if ca != "" {
		if config.RootCAs, err = httpapi.ReadAuthorities(ca); err != nil {
			return nil, fmt.Errorf("read the server's authority (--ca-file): %w", err)
		}
	}
	if cert != "" {
		pair, err := readClientPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate (--client-cert, --client-key): %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func readClientPair(cert, key string) (tls.Certificate, error) {
	info, err := os.Stat(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if mode := info.Mode().Perm(); mode&0o004 != 0 {
		return tls.Certificate{}, fmt.Errorf("%s has mode %04o, so everybody can read it; run: chmod o-r %s", key, mode, shellWord(key))
	}
	return httpapi.ReadPair(cert, key)
}

func (e *endpoint) close() { e.client.Close() }

// do implements remote. Who calls is a matter of the access key.
func (e *endpoint) do(ctx context.Context, _ kms.Caller, row kms.Description, in kms.Input) (any, string, error) {
	out := row.NewOutput()
	err := e.client.Call(ctx, row.Name, in, out)
	if err == nil {
		return out, "", nil
	}
	var failed *client.Error
	if !errors.As(err, &failed) {
		return nil, "", err
	}
	return nil, failed.RequestID, e.explain(ctx, row, failed)
}
