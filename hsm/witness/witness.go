// Package witness looks at a token's keys through crypto11, a library that Keyhold does not serve with, so that the
// two must agree. crypto11 panics on token errors and finalises libraries under others (measured on v1.2.5):
// it runs only in a child process that does nothing else. It logs in once, and it never encrypts.
package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/ThalesIgnite/crypto11"
	"github.com/keyhold/keyhold/hsm/witness/protocol"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
)

// gcmIVLength replaces crypto11's default of 16.
const gcmIVLength = 12

// maxQuestion bounds the question in octets: a key takes some 300.
const maxQuestion = 64 << 20

// maxPIN bounds the PIN in octets.
const maxPIN = 1024

// Serve is the child's whole life: it reads a protocol.Request from in and the PIN from descriptor 3, and writes a
// protocol.Answer to out. What is wrong with token or keys is in the answer; the error is for a question that cannot
// be read or an answer that cannot be written.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var req protocol.Request
	if err := json.NewDecoder(io.LimitReader(in, maxQuestion)).Decode(&req); err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	pin, err := inheritedPIN()
	if err != nil {
		return err
	}
	defer pin.Wipe()
	if err := json.NewEncoder(out).Encode(Run(ctx, req, pin)); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func inheritedPIN() (secret.Bytes, error) {
	f := os.NewFile(protocol.PINDescriptor, "the PIN descriptor")
	if f == nil {
		return secret.Bytes{}, fmt.Errorf("descriptor %d, which brings the PIN, is not open", protocol.PINDescriptor)
	}
	defer f.Close()
	pin, err := io.ReadAll(io.LimitReader(f, maxPIN))
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("read the PIN: %w", err)
	}
	return secret.New(pin), nil
}

// Run logs in once and looks at each key. It must be alone in its process with the library. The context is asked
// between keys.
func Run(ctx context.Context, req protocol.Request, pin secret.Bytes) protocol.Answer {
	a := protocol.Answer{Token: req.Label, Keys: []protocol.Verdict{}}
	token, err := open(req, pin)
	if err != nil {
		a.Problem = err.Error()
		return a
	}
	for _, k := range req.Keys {
		if err := ctx.Err(); err != nil {
			a.Problem, a.Keys = err.Error(), []protocol.Verdict{}
			break
		}
		a.Keys = append(a.Keys, look(token, k))
	}
	if err := token.Close(); err != nil && a.Problem == "" {
		a.Problem = fmt.Sprintf("close the token: %v", err)
	}
	return a
}

// open logs in. crypto11 takes the PIN as a string, which the end of the process wipes.
func open(req protocol.Request, pin secret.Bytes) (*crypto11.Context, error) {
	if (req.Label == "") == (req.Serial == "") {
		return nil, fmt.Errorf("the token must be selected by exactly one of label and serial")
	}
	for name, value := range req.Env {
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("set %s for the module: %w", name, err)
		}
	}
	token, err := crypto11.Configure(&crypto11.Config{
		Path: req.Module, TokenLabel: req.Label, TokenSerial: req.Serial, Pin: string(pin.Reveal()),
		GCMIVLength: gcmIVLength, MaxSessions: 2,
	})
	if err != nil {
		return nil, fmt.Errorf("open the token: %w", err)
	}
	return token, nil
}

// look judges one key; a panic of the library is a verdict too.
func look(token *crypto11.Context, k protocol.Key) (v protocol.Verdict) {
	v.ID = k.ID
	defer func() {
		if p := recover(); p != nil {
			v.Problems = append(v.Problems, fmt.Sprintf("crypto11 panicked: %v", p))
		}
		v.OK = len(v.Problems) == 0
	}()
	key, err := find(token, k.ID)
	if err != nil {
		v.Problems = append(v.Problems, err.Error())
		return v
	}
	v.Problems = append(v.Problems, attributes(token, key, k.Purpose)...)
	if len(k.Ciphertext) == 0 {
		return v
	}
	if err := openCanary(key, k); err != nil {
		v.Problems = append(v.Problems, err.Error())
		return v
	}
	v.Opened = true
	return v
}

func find(token *crypto11.Context, id string) (*crypto11.SecretKey, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("the id %q is not hexadecimal", id)
	}
	keys, err := token.FindKeys(raw, nil)
	if err != nil {
		return nil, fmt.Errorf("find the key: %w", err)
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("%d secret keys have the id, where there must be one", len(keys))
	}
	return keys[0], nil
}

func openCanary(key *crypto11.SecretKey, k protocol.Key) error {
	gcm, err := key.NewGCM()
	if err != nil {
		return fmt.Errorf("the key does no AES-GCM: %w", err)
	}
	plaintext, err := gcm.Open(nil, k.IV, k.Ciphertext, k.AAD)
	if err != nil {
		return fmt.Errorf("the canary does not open: %w", err)
	}
	defer secret.Wipe(plaintext)
	sum := sha256.Sum256(plaintext)
	if len(k.PlaintextSHA256) > 0 && !bytes.Equal(sum[:], k.PlaintextSHA256) {
		return fmt.Errorf("the canary opens to another text")
	}
	return nil
}

// flag is a boolean attribute and what it must be.
type flag struct {
	name string
	kind crypto11.AttributeType
	want bool
}

// flagsOf says it again, on purpose: a witness that shared the table would share its mistakes.
func flagsOf(p device.Purpose) []flag {
	wraps, macs := p == device.PurposeWrap, p == device.PurposeMAC
	return []flag{
		{"TOKEN", crypto11.CkaToken, true},
		{"PRIVATE", crypto11.CkaPrivate, true},
		{"SENSITIVE", crypto11.CkaSensitive, true},
		{"EXTRACTABLE", crypto11.CkaExtractable, false},
		{"ENCRYPT", crypto11.CkaEncrypt, wraps},
		{"DECRYPT", crypto11.CkaDecrypt, wraps},
		{"SIGN", crypto11.CkaSign, macs},
		{"VERIFY", crypto11.CkaVerify, macs},
		{"WRAP", crypto11.CkaWrap, false},
		{"UNWRAP", crypto11.CkaUnwrap, false},
		{"DERIVE", crypto11.CkaDerive, false},
	}
}

// attributes lists what is wrong with the key's attributes, and that its value must not be readable.
func attributes(token *crypto11.Context, key *crypto11.SecretKey, p device.Purpose) []string {
	if p != device.PurposeWrap && p != device.PurposeMAC {
		return []string{fmt.Sprintf("there is no key purpose %d", int(p))}
	}
	var problems []string
	for _, f := range flagsOf(p) {
		got, err := token.GetAttribute(key, f.kind)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("CKA_%s cannot be read: %v", f.name, err))
		case got == nil || len(got.Value) != 1:
			problems = append(problems, fmt.Sprintf("CKA_%s is not a truth value", f.name))
		case (got.Value[0] != 0) != f.want:
			problems = append(problems, fmt.Sprintf("CKA_%s is %t where it must be %t", f.name, got.Value[0] != 0, f.want))
		}
	}
	if value, err := token.GetAttribute(key, crypto11.CkaValue); err == nil && value != nil && len(value.Value) > 0 {
		secret.Wipe(value.Value)
		problems = append(problems, "CKA_VALUE can be read: the key is not confined to the token")
	}
	return problems
}
