// Command demo shows Keyhold's main job on real input, in plain words: it drives the keyhold program given with
// -keyhold in a fresh temporary directory, checks that every step really holds, and fails at the first that does not.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("keyhold", "bin/keyhold", "the program to show")
	file := flags.String("file", "README.md", "the file to encrypt")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	dir, err := os.MkdirTemp("", "keyhold-demo-")
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{out: stdout, dir: dir, file: *file}
	if d.program, err = filepath.Abs(*program); err == nil {
		err = d.tour()
	}
	if err != nil {
		fmt.Fprintf(stderr, "\ndemo: step %d did not hold: %v\n", d.step, err)
		return 1
	}
	fmt.Fprintln(stdout, "\nEvery step held.")
	return 0
}

type demo struct {
	out                io.Writer
	dir, program, file string
	step               int
}

const alias, encryptionContext = "alias/orders", "Tenant=42"

func (d *demo) tour() error {
	for _, step := range []func() error{
		d.setUp, d.createKey, d.dataKey, d.encryptFile, d.rotate, d.decryptFile, d.wrongContext, d.custody, d.disable,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// say announces a step.
func (d *demo) say(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.out, "\n%d. "+format+"\n", append([]any{d.step}, args...)...)
}

func (d *demo) show(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(d.out, "   %s\n", strings.TrimRight(line, "\n"))
	}
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// keyhold runs the program on the demo's data directory, and shows the command as one would type it.
func (d *demo) keyhold(args ...string) (stdout string, err error) {
	fmt.Fprintf(d.out, "   $ keyhold %s\n", d.typed(args))
	cmd := exec.Command(d.program, append([]string{"--data", d.path("keyhold-data")}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, talk.String())
	}
	return out.String(), nil
}

// typed is a command line as one would type it in the demo's directory.
func (d *demo) typed(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.TrimPrefix(a, d.dir+string(filepath.Separator))
		if strings.Contains(a, " ") {
			words[i] = "'" + words[i] + "'"
		}
	}
	return strings.Join(words, " ")
}

// refused runs the program and wants it to fail, saying why.
func (d *demo) refused(why, outFile string, args ...string) error {
	_, err := d.keyhold(append(args, "--out", d.path(outFile))...)
	_, statErr := os.Stat(d.path(outFile))
	switch {
	case err == nil:
		return errors.New("it was not refused")
	case !errors.Is(statErr, os.ErrNotExist):
		return fmt.Errorf("it was refused but left %s", outFile)
	case !strings.Contains(err.Error(), why):
		return fmt.Errorf("it was refused for another reason: %w", err)
	}
	_, reason, _ := strings.Cut(err.Error(), "\n")
	d.show(reason)
	return nil
}

func (d *demo) setUp() error {
	d.say("Make a SoftHSM2 token and a data directory, in %s.", d.dir)
	_, err := d.keyhold("dev")
	return err
}

func (d *demo) createKey() error {
	d.say("Create a master key inside the token, and name it %s.", alias)
	out, err := d.keyhold("key", "create", "--alias", alias, "--description", "orders database")
	d.show(out)
	return err
}

func (d *demo) dataKey() error {
	d.say("Generate a data key under the master key, bound to the encryption context %s.", encryptionContext)
	_, err := d.keyhold("data-key", alias, "--spec", "AES_256", "--context", encryptionContext,
		"--plaintext-out", d.path("data.key"), "--ciphertext-out", d.path("data.key.wrapped"))
	if err != nil {
		return err
	}
	return d.wrappedIsNotPlain()
}

func (d *demo) wrappedIsNotPlain() error {
	plain, err := os.ReadFile(d.path("data.key"))
	if err != nil {
		return err
	}
	wrapped, err := os.ReadFile(d.path("data.key.wrapped"))
	if err != nil {
		return err
	}
	if len(plain) != 32 || bytes.Contains(wrapped, plain) {
		return errors.New("the data key is not 32 octets, or not wrapped")
	}
	d.show(fmt.Sprintf("data.key: 32 octets; data.key.wrapped: %d octets, readable by the token only", len(wrapped)))
	return nil
}

// encryptFile is what an application does with a data key.
func (d *demo) encryptFile() error {
	d.say("Encrypt %s with the data key (AES-256-GCM), then destroy the data key in clear.", d.file)
	content, err := os.ReadFile(d.file)
	if err != nil {
		return err
	}
	aead, err := d.aead("data.key")
	if err != nil {
		return err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	sealed := aead.Seal(nonce, nonce, content, nil)
	if err := os.WriteFile(d.path("document.enc"), sealed, 0o600); err != nil {
		return err
	}
	d.show(fmt.Sprintf("document.enc: %d octets", len(sealed)))
	return os.Remove(d.path("data.key"))
}

func (d *demo) aead(keyFile string) (cipher.AEAD, error) {
	key, err := os.ReadFile(d.path(keyFile))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (d *demo) rotate() error {
	d.say("Rotate the master key: new material encrypts from now on, the old material still decrypts.")
	id, err := d.keyID()
	if err != nil {
		return err
	}
	if _, err := d.keyhold("key", "rotate", id); err != nil {
		return err
	}
	out, err := d.keyhold("key", "rotations", id, "--all-material")
	d.show(out)
	if strings.Count(out, "CURRENT") < 2 {
		return errors.New("there are not two generations")
	}
	return err
}

func (d *demo) keyID() (string, error) {
	out, err := d.keyhold("-o", "json", "key", "describe", alias)
	var described struct{ KeyMetadata struct{ KeyId string } }
	if err == nil {
		err = json.Unmarshal([]byte(out), &described)
	}
	return described.KeyMetadata.KeyId, err
}

func (d *demo) decryptFile() error {
	d.say("Unwrap the data key, which the old generation wrapped, and decrypt the document.")
	if _, err := d.keyhold("decrypt", d.path("data.key.wrapped"), "--context", encryptionContext, "--out", d.path("unwrapped.key")); err != nil {
		return err
	}
	sealed, err := os.ReadFile(d.path("document.enc"))
	if err != nil {
		return err
	}
	aead, err := d.aead("unwrapped.key")
	if err != nil {
		return err
	}
	opened, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(d.file)
	if err != nil {
		return err
	}
	if !bytes.Equal(opened, content) {
		return errors.New("the document came back changed")
	}
	d.show(fmt.Sprintf("%d octets, the same as %s", len(opened), d.file))
	return nil
}

func (d *demo) wrongContext() error {
	d.say("Try to unwrap it with a wrong encryption context: refused.")
	return d.refused("InvalidCiphertextException", "wrong.key", "decrypt", d.path("data.key.wrapped"), "--context", "Tenant=43")
}

func (d *demo) custody() error {
	d.say("Try to read the master key, and to wrap it, out of the token: refused by the token itself.")
	out, err := d.keyhold("doctor")
	d.show(out)
	if err == nil && !strings.Contains(out, "not readable, not wrappable") {
		err = errors.New("the self-check does not say so")
	}
	if err != nil {
		return err
	}
	d.say("Ask a second, independent witness (crypto11, in a process of its own) to find and open every generation.")
	out, err = d.keyhold("hsm", "verify")
	d.show(out)
	return err
}

func (d *demo) disable() error {
	d.say("Disable the master key: it is refused from the moment the command returns.")
	id, err := d.keyID()
	if err != nil {
		return err
	}
	if _, err := d.keyhold("key", "disable", id); err != nil {
		return err
	}
	return d.refused("DisabledException", "late.key", "decrypt", d.path("data.key.wrapped"), "--context", encryptionContext)
}
