package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func contextFlag(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage} }

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "only tell whether the request would succeed"}
}

const contextUsage = "a pair `NAME=VALUE` of the encryption context, no secret; may be repeated"

func (p *program) encryptCommand() *cli.Command {
	return &cli.Command{
		Name: "encrypt", Usage: "encrypt up to 4096 bytes", ArgsUsage: "KEY [FILE|-]",
		Description: describe("Encrypts a file, or the standard input, under a key. KEY is a key id, key ARN, alias/NAME or alias ARN.\n"+
			"The ciphertext goes to the standard output or to a new file. More than 4096 bytes are encrypted with a data key.",
			"keyhold encrypt alias/orders password.txt --context app=shop --out password.enc"),
		Flags:  append(outputFlags(), contextFlag("context", contextUsage), dryRunFlag()),
		Action: p.command(1, 2, p.encrypt),
	}
}

func (p *program) encrypt(c *cli.Context) error {
	to, err := p.sinkOf(c)
	if err == nil {
		err = to.binary(c)
	}
	if err != nil {
		return err
	}
	in := &api.EncryptInput{KeyID: operand(c, 0), DryRun: flagTrue(c, "dry-run")}
	if in.EncryptionContext, err = contextOf(c, "context"); err != nil {
		return err
	}
	plaintext, err := p.readInput(c.Context, c.Args().Get(1), api.MaxPlaintext)
	if errors.Is(err, errTooLong) {
		return advise(err, "encrypt it with a data key: keyhold data-key %s", c.Args().First())
	}
	if err != nil {
		return err
	}
	defer secret.Wipe(plaintext)
	if len(plaintext) == 0 {
		return errEmpty("encrypt")
	}
	in.Plaintext = plaintext
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.EncryptOutput](ctx, s, "Encrypt", in)
		if err != nil {
			return err
		}
		return p.octets(c, to, out, out.CiphertextBlob)
	})
}

func errEmpty(verb string) error {
	return advise(fmt.Errorf("there is nothing to %s: the input is empty", verb), "name a FILE that holds something, or pipe it into the command")
}

// octets writes an answer's octets, or the whole answer as JSON.
func (p *program) octets(c *cli.Context, to sink, out any, octets []byte) error {
	if wantsJSON(c) {
		return p.show(c, out, nil)
	}
	return to.write(octets)
}

func (p *program) decryptCommand() *cli.Command {
	return &cli.Command{
		Name: "decrypt", Usage: "decrypt what encrypt or data-key made", ArgsUsage: "[FILE|-]",
		Description: describe("Decrypts a file, or the standard input, either as it is or in base64. The ciphertext knows its key; give the\n"+
			"same encryption context as when it was made.",
			"keyhold decrypt password.enc --context app=shop --out password.txt"),
		Flags: append(outputFlags(), contextFlag("context", contextUsage),
			&cli.StringFlag{Name: "key", Usage: "refuse unless this `KEY` made the ciphertext"}, dryRunFlag()),
		Action: p.command(0, 1, p.decrypt),
	}
}

func (p *program) decrypt(c *cli.Context) error {
	to, err := p.sinkOf(c)
	if err != nil {
		return err
	}
	to.text = true
	in := &api.DecryptInput{KeyID: flagText(c, "key"), DryRun: flagTrue(c, "dry-run")}
	if in.EncryptionContext, err = contextOf(c, "context"); err != nil {
		return err
	}
	if in.CiphertextBlob, err = p.readCiphertext(c.Context, c.Args().First()); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.DecryptOutput](ctx, s, "Decrypt", in)
		if err != nil {
			return err
		}
		defer out.Plaintext.Wipe()
		return p.octets(c, to, out, out.Plaintext)
	})
}

// readCiphertext reads a ciphertext as it is or in base64. The two cannot be confused: a ciphertext begins with octets
// that are not in base64's alphabet.
func (p *program) readCiphertext(ctx context.Context, name string) ([]byte, error) {
	const most = 2 * api.MaxCiphertext // base64 with line breaks
	octets, err := p.readInput(ctx, name, most)
	if err != nil {
		return nil, err
	}
	if len(octets) == 0 {
		return nil, errEmpty("decrypt")
	}
	compact := slices.DeleteFunc(bytes.Clone(octets), func(b byte) bool { return b == '\n' || b == '\r' || b == ' ' })
	if decoded, err := base64.StdEncoding.Strict().AppendDecode(nil, compact); err == nil {
		return decoded, nil
	}
	return octets, nil
}

func (p *program) reencryptCommand() *cli.Command {
	return &cli.Command{
		Name: "reencrypt", Usage: "move a ciphertext to another key without showing the plaintext", ArgsUsage: "[FILE|-]",
		Description: describe("Decrypts a file, or the standard input, and encrypts it anew, under another key, newer key material or another\n"+
			"encryption context.",
			"keyhold reencrypt password.enc --to alias/orders-2 --context app=shop --to-context app=shop --out password2.enc"),
		Flags: append(outputFlags(),
			&cli.StringFlag{Name: "to", Usage: "the `KEY` that encrypts"},
			&cli.StringFlag{Name: "key", Usage: "refuse unless this `KEY` made the ciphertext"},
			contextFlag("context", "a pair `NAME=VALUE` of the present encryption context; may be repeated"),
			contextFlag("to-context", "a pair `NAME=VALUE` of the new encryption context; may be repeated"), dryRunFlag()),
		Action: p.command(0, 1, p.reencrypt),
	}
}

func (p *program) reencrypt(c *cli.Context) error {
	to, err := p.sinkOf(c)
	if err == nil {
		err = to.binary(c)
	}
	if err == nil && !c.IsSet("to") {
		err = usagef(c, "--to KEY is missing")
	}
	if err != nil {
		return err
	}
	in := &api.ReEncryptInput{SourceKeyID: flagText(c, "key"), DestinationKeyID: flagText(c, "to"), DryRun: flagTrue(c, "dry-run")}
	if in.SourceEncryptionContext, err = contextOf(c, "context"); err != nil {
		return err
	}
	if in.DestinationEncryptionContext, err = contextOf(c, "to-context"); err != nil {
		return err
	}
	if in.CiphertextBlob, err = p.readCiphertext(c.Context, c.Args().First()); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.ReEncryptOutput](ctx, s, "ReEncrypt", in)
		if err != nil {
			return err
		}
		return p.octets(c, to, out, out.CiphertextBlob)
	})
}
