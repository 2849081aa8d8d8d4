package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) accessKeyCreate() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make an access key for a user; its secret is shown this once", ArgsUsage: "USER",
		Description: describe(whichUser+"A user has two access keys at most, so that one can be replaced by another. The secret is drawn by the token and\n"+
			"kept sealed by it: what is not written down now is lost. Files are for AWS SDKs and the AWS CLI, which find them by\n"+
			"AWS_SHARED_CREDENTIALS_FILE.",
			"keyhold access-key create alice --out alice.credentials",
			"source <(keyhold access-key create alice --env)",
			"keyhold access-key create alice --profile keyhold >>~/.aws/credentials"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "env", Usage: "write commands of a shell that set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
			&cli.StringFlag{Name: "profile", Usage: "write a section `NAME` for an AWS credentials file"},
			&cli.StringFlag{Name: "out", Usage: "write an AWS credentials `FILE` that only its owner can read, with the profile default if none is named",
				TakesFile: true},
			forceFlag(),
		},
		Action: p.command(1, 1, p.createAccessKey),
	}
}

// credentialsForm is how a new access key is written, nil for the table or JSON.
type credentialsForm func(*api.CreateAccessKeyOutput) []byte

func credentialsFormOf(c *cli.Context) (credentialsForm, error) {
	profile := c.String("profile")
	switch {
	case c.Bool("env") && (c.IsSet("profile") || c.IsSet("out")):
		return nil, usagef(c, "--env excludes --profile and --out")
	case wantsJSON(c) && (c.Bool("env") || c.IsSet("profile") || c.IsSet("out")):
		return nil, usagef(c, "-o json excludes --env, --profile and --out")
	case c.IsSet("profile") && strings.Trim(profile, profileCharacters) != "" || c.IsSet("profile") && profile == "":
		return nil, usagef(c, "--profile is %q: want letters, digits and any of _.@+=,-", profile)
	case c.Bool("env"):
		return environmentForm, nil
	case c.IsSet("profile") || c.IsSet("out"):
		return profileForm(or(profile, "default")), nil
	}
	return nil, nil
}

const profileCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@+=,-"

func environmentForm(k *api.CreateAccessKeyOutput) []byte {
	return []byte("export AWS_ACCESS_KEY_ID=" + shellWord(k.AccessKeyID) + "\nexport AWS_SECRET_ACCESS_KEY=" + shellWord(string(k.SecretAccessKey)) + "\n")
}

// profileForm is a section of a shared credentials file (AWS SDKs and Tools Reference Guide, "Shared config and
// credentials files").
func profileForm(name string) credentialsForm {
	return func(k *api.CreateAccessKeyOutput) []byte {
		return []byte("[" + name + "]\naws_access_key_id = " + k.AccessKeyID + "\naws_secret_access_key = " + string(k.SecretAccessKey) + "\n")
	}
}

func (p *program) createAccessKey(c *cli.Context) error {
	form, err := credentialsFormOf(c)
	if err != nil {
		return err
	}
	to := sink{p: p, file: c.String("out"), force: c.Bool("force"), text: true}
	if to.file == "-" {
		to.file = ""
	}
	if err := to.vacant(); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.CreateAccessKeyOutput](ctx, s, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: new(userOperand(c))})
		if err != nil {
			return err
		}
		if err := p.tellAccessKey(c, out, form, to); err != nil {
			return advise(fmt.Errorf("access key %s is made, but its secret could not be told, and is lost: %w", out.AccessKeyID, err),
				"delete it and make another: keyhold access-key delete %s --yes", out.AccessKeyID)
		}
		if to.file != "" {
			p.sayf("%s: written to %s, and nowhere else", out.AccessKeyID, to.file)
			return nil
		}
		p.sayf("%s: this is the only time that the secret is shown", out.AccessKeyID)
		return nil
	})
}

func (p *program) tellAccessKey(c *cli.Context, out *api.CreateAccessKeyOutput, form credentialsForm, to sink) error {
	if form != nil {
		text := form(out)
		defer secret.Wipe(text)
		return to.write(text)
	}
	return p.show(c, out, func(t *table) {
		t.fact("Access key ID", out.AccessKeyID)
		t.fact("Secret access key", string(out.SecretAccessKey))
		t.fact("User", out.Principal)
		t.fact("Created", instant(out.CreateDate))
	})
}
