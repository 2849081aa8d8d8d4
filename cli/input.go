package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

// command is the action of a command that takes from least to most operands; most -1 is any number.
func (p *program) command(least, most int, action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := errors.Join(checkFormat(c), checkAccount(c), checkEndpoint(c)); err != nil {
			return err
		}
		switch n := c.NArg(); {
		case n < least:
			return usagef(c, "an operand is missing")
		case most >= 0 && n > most:
			return usagef(c, "%q is one operand too many", c.Args().Get(most))
		}
		return action(c)
	}
}

// operand is the i-th operand, nil when it was not given.
func operand(c *cli.Context, i int) *string {
	if i >= c.NArg() {
		return nil
	}
	return new(c.Args().Get(i))
}

// flagText is the value of a flag, nil when it was not given.
func flagText(c *cli.Context, name string) *string {
	if !c.IsSet(name) {
		return nil
	}
	return new(c.String(name))
}

// within refuses a number outside least..most, if the flag was given.
func within(c *cli.Context, name string, least, most int) error {
	if n := c.Int(name); c.IsSet(name) && (n < least || n > most) {
		return usagef(c, "--%s is %d: want %d to %d", name, n, least, most)
	}
	return nil
}

// flagNumber is the value of a flag, nil when it was not given. What is out of range the operation refuses.
func flagNumber(c *cli.Context, name string) *int32 {
	if !c.IsSet(name) {
		return nil
	}
	return new(int32(min(max(c.Int(name), -1), 1<<30)))
}

func flagTrue(c *cli.Context, name string) *bool {
	if !c.Bool(name) {
		return nil
	}
	return new(true)
}

// pairs reads words of the form name=value. A name may not come twice.
func pairs(c *cli.Context, words []string, what string) (names []string, values map[string]string, err error) {
	return pairsOf(c, words, what, "NAME=VALUE")
}

// pairsOf is pairs, of the form as help texts have it.
func pairsOf(c *cli.Context, words []string, what, form string) (names []string, values map[string]string, err error) {
	values = map[string]string{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, nil, usagef(c, "%s %q: want %s", what, word, form)
		}
		if _, twice := values[name]; twice {
			return nil, nil, usagef(c, "%s %q is given twice", what, name)
		}
		names, values[name] = append(names, name), value
	}
	return names, values, nil
}

func contextOf(c *cli.Context, flag string) (api.EncryptionContext, error) {
	_, values, err := pairs(c, c.StringSlice(flag), "--"+flag)
	if err != nil || len(values) == 0 {
		return nil, err
	}
	return values, nil
}

func tagsOf(c *cli.Context, words []string) ([]api.Tag, error) {
	names, values, err := pairs(c, words, "tag")
	if err != nil {
		return nil, err
	}
	var tags []api.Tag
	for _, name := range names {
		tags = append(tags, api.NewTag(name, values[name]))
	}
	return tags, nil
}

// readInput reads a file, or the standard input for "" and "-": at most limit octets. The caller wipes them.
func (p *program) readInput(ctx context.Context, name string, limit int) ([]byte, error) {
	if name == "" || name == "-" {
		return readLimited(ctx, p.in, "the standard input", limit)
	}
	f, err := openInput(ctx, name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, advise(fmt.Errorf("read the input: %w", err), "correct the path; - in its place reads the standard input")
	}
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	defer func() { _ = f.Close() }()
	return readLimited(ctx, f, name, limit)
}

// openInput opens a file, of which a pipe lets the command wait until somebody writes to it. When ctx ends first, that is
// left behind, and the process with it.
func openInput(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		done <- result{f, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-done:
		return got.f, got.err
	}
}

// errTooLong: the input is longer than what the command takes.
var errTooLong = errors.New("the input is too long")

// readLimited reads into one buffer, so that no copies of a plaintext stay behind. Terminals and pipes cannot be
// interrupted: when ctx ends first, the read is left behind, and the process with it.
func readLimited(ctx context.Context, r io.Reader, name string, limit int) ([]byte, error) {
	type result struct {
		n   int
		err error
	}
	buf := make([]byte, limit+1)
	done := make(chan result, 1)
	go func() {
		n, err := io.ReadFull(r, buf)
		done <- result{n, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-done:
		switch {
		case got.err == nil:
			secret.Wipe(buf)
			return nil, fmt.Errorf("%w: %s holds more than %d bytes", errTooLong, name, limit)
		case errors.Is(got.err, io.EOF), errors.Is(got.err, io.ErrUnexpectedEOF):
			return buf[:got.n], nil
		}
		secret.Wipe(buf)
		if errors.Is(got.err, syscall.EISDIR) {
			return nil, advise(fmt.Errorf("%s is a directory", name), "name a file in it, or - for the standard input")
		}
		return nil, fmt.Errorf("read %s: %w", name, got.err)
	}
}

// accountFlag is the flag of all commands that names the account whose root acts. init and dev have one of their own, which
// says what the directory's account shall be.
const accountFlag = "account"

// actingAccount is the account whose root the command acts as. Not given, it is the directory's own.
func actingAccount(c *cli.Context) (id kms.AccountID, given bool) {
	if c.Command != nil && findFlag(c.Command.Flags, accountFlag) != nil {
		return "", false
	}
	return kms.AccountID(c.String(accountFlag)), c.IsSet(accountFlag)
}

// checkAccount refuses an empty id, too: a script whose variable is not set must not change the wrong account.
func checkAccount(c *cli.Context) error {
	id, given := actingAccount(c)
	if given && (len(id) != 12 || strings.Trim(string(id), "0123456789") != "") {
		return usagef(c, "--account is %q: want 12 digits; keyhold account list shows which accounts there are", id)
	}
	return nil
}
