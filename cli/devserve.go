package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/smallfile"
	"github.com/urfave/cli/v2"
)

// devEnv is where a throw-away server tells shells how to reach it, when nobody names another file.
const devEnv = "dev.env"

// envTitle begins every file of the kind, and no other: only such a file is replaced.
const envTitle = "# Written by keyhold dev: how to reach it.\n"

// devServe sets up the directory, and answers with what is in it until it is told to end.
func (p *program) devServe(c *cli.Context, config configs.Config) error {
	further, err := p.devServerFlags(c, &config)
	if err != nil {
		return err
	}
	wanted, err := p.wantedDevKey(c)
	if err != nil {
		return err
	}
	defer wanted.wipe()
	s := p.session(c, config)
	server := config.Server
	server.Listen, server.Regions, server.TLS = c.String("listen"), append(server.Regions, further...), configs.TLS{}
	var key devKey
	defer func() { key.wipe() }()
	return p.serveOn(c, s, server, func() error { return p.devOn(c, s) }, func(d *daemon) error {
		if key, err = s.devKey(c.Context, wanted); err != nil {
			return err
		}
		return p.tellDevServer(c, d, key)
	})
}

// devServerFlags checks what is about the server alone, before anything is made, and answers the further regions.
func (p *program) devServerFlags(c *cli.Context, config *configs.Config) (further []string, err error) {
	host, _, err := net.SplitHostPort(c.String("listen"))
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef(c, "--listen is %q: want an address of this machine alone and a port, such as 127.0.0.1:8480, or 127.0.0.1:0 for any port", c.String("listen"))
	}
	if regions := c.StringSlice("region"); len(regions) > 0 {
		further = regions[1:]
	}
	tried := *config
	tried.Server.Regions = further
	if err := tried.Validate(); err != nil {
		return nil, usagef(c, "%w", inFlags(err))
	}
	path := envFile(c)
	if err := dropEnvFile(path); err != nil || c.String("env-file") == "" {
		return further, err
	}
	return further, (sink{file: path}).vacant()
}

func envFile(c *cli.Context) string {
	return or(c.String("env-file"), filepath.Join(dataDir(c), devEnv))
}

// dropEnvFile removes what an earlier server wrote, so that who waits for the file does not take the old one for the new.
func dropEnvFile(path string) error {
	text, err := smallfile.Read(path, maxDevFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return advise(fmt.Errorf("look at the file of an earlier server: %w", err), "name another file with --env-file")
	case !bytes.HasPrefix(text, []byte(envTitle)):
		return advise(fmt.Errorf("%s exists, and keyhold dev has not written it", path), "name another file with --env-file")
	}
	return os.Remove(path)
}

// tellDevServer says how the server is reached: to shells in a file, and to people.
func (p *program) tellDevServer(c *cli.Context, d *daemon, key devKey) error {
	path, region := envFile(c), d.s.config.Region
	text := envTitle + "unset AWS_SESSION_TOKEN\n" // one of another access key would spoil this one
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL_KMS", d.url()}, {"AWS_ENDPOINT_URL_STS", d.url()}, {"AWS_ACCESS_KEY_ID", string(key.id)},
		{"AWS_SECRET_ACCESS_KEY", string(key.secret.Reveal())}, {"AWS_REGION", region}, {"KEYHOLD_ENDPOINT", d.url()},
	} {
		text += "export " + v[0] + "=" + shellWord(v[1]) + "\n"
	}
	if err := writeFile(path, []byte(text), true); err != nil {
		return fmt.Errorf("tell shells how to reach the server: %w", err)
	}
	p.sayf("the administrator's credentials for shells are in %s; its secret is also in %s", path, filepath.Join(dataDir(c), devKeyFile))
	if d.admin != nil {
		p.sayf("health and metrics are on http://%s", d.admin.Addr())
	}
	p.sayf("ready: serving on %s. To paste into another shell:", d.url())
	_, err := fmt.Fprintf(p.err, "\n    . %s\n%s\n", shellWord(absolute(path)), devCommands(d, region))
	return err
}

// ownName is how a shell calls this program: by its name where it finds it, else by its path.
func ownName() string {
	if _, err := exec.LookPath("keyhold"); err == nil {
		return "keyhold"
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "keyhold"
}

// devCommands are three ways to ask, in a shell that has read the file of variables.
func devCommands(d *daemon, region string) string {
	return strings.Join([]string{
		`    aws kms create-key --endpoint-url "$AWS_ENDPOINT_URL_KMS" --region ` + shellWord(region),
		`    curl -sS --aws-sigv4 aws:amz:` + region + `:kms --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H 'Content-Type: application/x-amz-json-1.1' \
        -H 'X-Amz-Target: TrentService.ListKeys' -d '{}' ` + d.url() + "/",
		"    " + shellWord(ownName()) + " key list",
	}, "\n") + "\n"
}
