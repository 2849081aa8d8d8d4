package cli

import (
	"context"
	"encoding/base64"
	"path/filepath"
	"strconv"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/urfave/cli/v2"
)

func (p *program) dataKeyCommand() *cli.Command {
	return &cli.Command{
		Name: "data-key", Usage: "make a data key, in clear and encrypted", ArgsUsage: "KEY",
		Description: describe("KEY is a key id, key ARN, alias/NAME or alias ARN. Encrypt your data with the plaintext and forget it; keep the\n"+
			"ciphertext beside the data, and keyhold decrypt gives the plaintext back. Files hold the octets as they are; on\n"+
			"the standard output they are in base64.",
			"keyhold data-key alias/orders --context app=shop --plaintext-out key.bin --ciphertext-out key.enc"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "spec", Usage: "the kind of data key: `SPEC` AES_256 or AES_128 (default: AES_256)"},
			&cli.IntFlag{Name: "bytes", Usage: "instead of --spec, the length in `N` bytes, 1 to 1024"},
			contextFlag("context", contextUsage),
			&cli.BoolFlag{Name: "without-plaintext", Usage: "give the encrypted form only"},
			&cli.StringFlag{Name: "plaintext-out", Usage: "write the plaintext to a new `FILE` that only its owner can read", TakesFile: true},
			&cli.StringFlag{Name: "ciphertext-out", Usage: "write the ciphertext to a new `FILE`", TakesFile: true},
			forceFlag(), dryRunFlag(),
		},
		Action: p.command(1, 1, p.dataKey),
	}
}

// dataKeyFiles are where the parts of a data key go; parts without a file are shown.
type dataKeyFiles struct{ plaintext, ciphertext sink }

func (p *program) dataKeyFilesOf(c *cli.Context) (dataKeyFiles, error) {
	f := dataKeyFiles{
		plaintext:  sink{p: p, file: c.String("plaintext-out"), force: c.Bool("force")},
		ciphertext: sink{p: p, file: c.String("ciphertext-out"), force: c.Bool("force")},
	}
	switch {
	case f.plaintext.file != "" && c.Bool("without-plaintext"):
		return f, usagef(c, "--plaintext-out and --without-plaintext exclude each other")
	case f.plaintext.file != "" && filepath.Clean(f.plaintext.file) == filepath.Clean(f.ciphertext.file):
		return f, usagef(c, "--plaintext-out and --ciphertext-out name the same file")
	}
	if err := f.plaintext.vacant(); err != nil {
		return f, err
	}
	return f, f.ciphertext.vacant()
}

func (p *program) dataKey(c *cli.Context) error {
	if err := within(c, "bytes", 1, api.MaxRandom); err != nil {
		return err
	}
	files, err := p.dataKeyFilesOf(c)
	if err != nil {
		return err
	}
	in := &api.GenerateDataKeyInput{KeyID: operand(c, 0), NumberOfBytes: flagNumber(c, "bytes"), DryRun: flagTrue(c, "dry-run")}
	spec := keyspec.DataKeySpec(or(c.String("spec"), string(keyspec.AES256)))
	switch {
	case c.IsSet("spec") && c.IsSet("bytes"):
		return usagef(c, "--spec and --bytes exclude each other")
	case !keyspec.DataKeySpecs.Has(spec):
		return usagef(c, "--spec is %q: want one of %s", spec, keyspec.DataKeySpecs.Values())
	case !c.IsSet("bytes"):
		in.KeySpec = &spec
	}
	if in.EncryptionContext, err = contextOf(c, "context"); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		if c.Bool("without-plaintext") {
			return p.sealedDataKey(ctx, c, s, in, files)
		}
		out, err := ask[api.GenerateDataKeyOutput](ctx, s, "GenerateDataKey", in)
		if err != nil {
			return err
		}
		defer out.Plaintext.Wipe()
		return p.showDataKey(c, out, files)
	})
}

// showDataKey writes what goes to files and shows the rest, as little as that is.
func (p *program) showDataKey(c *cli.Context, out *api.GenerateDataKeyOutput, files dataKeyFiles) error {
	shown := *out
	if files.ciphertext.file != "" {
		if err := files.ciphertext.write(out.CiphertextBlob); err != nil {
			return err
		}
		shown.CiphertextBlob = nil
	}
	if files.plaintext.file != "" {
		if err := files.plaintext.write(out.Plaintext); err != nil {
			return err
		}
		shown.Plaintext = nil
	}
	return p.show(c, &shown, func(t *table) {
		t.fact("Key", shown.KeyID)
		t.fact("Key material", shown.KeyMaterialID)
		t.fact("Plaintext", base64.StdEncoding.EncodeToString(shown.Plaintext))
		t.fact("Ciphertext", base64.StdEncoding.EncodeToString(shown.CiphertextBlob))
	})
}

func (p *program) sealedDataKey(ctx context.Context, c *cli.Context, s *session, in *api.GenerateDataKeyInput, files dataKeyFiles) error {
	out, err := ask[api.GenerateDataKeyWithoutPlaintextOutput](ctx, s, "GenerateDataKeyWithoutPlaintext", &api.GenerateDataKeyWithoutPlaintextInput{
		KeyID: in.KeyID, EncryptionContext: in.EncryptionContext, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, DryRun: in.DryRun,
	})
	if err != nil {
		return err
	}
	if files.ciphertext.file != "" {
		if err := files.ciphertext.write(out.CiphertextBlob); err != nil {
			return err
		}
		out.CiphertextBlob = nil
	}
	return p.show(c, out, func(t *table) {
		t.fact("Key", out.KeyID)
		t.fact("Key material", out.KeyMaterialID)
		t.fact("Ciphertext", base64.StdEncoding.EncodeToString(out.CiphertextBlob))
	})
}

func (p *program) randomCommand() *cli.Command {
	return &cli.Command{
		Name: "random", Usage: "random octets from the token", ArgsUsage: "N",
		Description: describe("Gives N octets, 1 to 1024, of the token's own generator.", "keyhold random 32 --base64"),
		Flags:       outputFlags(),
		Action:      p.command(1, 1, p.random),
	}
}

func (p *program) random(c *cli.Context) error {
	to, err := p.sinkOf(c)
	if err == nil {
		err = to.binary(c)
	}
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Args().First())
	if err != nil || n < 1 || n > api.MaxRandom {
		return usagef(c, "N is %q: want 1 to %d", c.Args().First(), api.MaxRandom)
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.GenerateRandomOutput](ctx, s, "GenerateRandom", &api.GenerateRandomInput{NumberOfBytes: new(int32(n))})
		if err != nil {
			return err
		}
		defer out.Plaintext.Wipe()
		return p.octets(c, to, out, out.Plaintext)
	})
}
