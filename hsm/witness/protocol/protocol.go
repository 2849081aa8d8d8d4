// Package protocol is how Keyhold asks its second witness: a child process that looks at the token's keys through
// another library. The question goes to its standard input, the PIN through descriptor 3, the answer comes from its
// standard output. The package is free of PKCS #11, so that the asking side links none of the witness.
package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
)

// PINDescriptor is the inherited descriptor that the child reads the PIN from, up to its end.
const PINDescriptor = 3

// Request is the question. Exactly one of Label and Serial selects the token.
type Request struct {
	Module string            `json:"module"`
	Env    map[string]string `json:"env,omitempty"` // set before C_Initialize
	Label  string            `json:"label,omitempty"`
	Serial string            `json:"serial,omitempty"`
	Keys   []Key             `json:"keys"`
}

// Key is one key to look at. Octets are base64 in JSON.
type Key struct {
	ID      string         `json:"id"`      // 32 hexadecimal digits: CKA_ID
	Purpose device.Purpose `json:"purpose"` // which usages it must have
	// AAD, IV and Ciphertext are a stored canary. Without Ciphertext only the attributes are looked at.
	AAD        []byte `json:"aad,omitempty"`
	IV         []byte `json:"iv,omitempty"`
	Ciphertext []byte `json:"ciphertext,omitempty"` // ends with the tag
	// PlaintextSHA256 is what the canary must open to. Empty: that it opens is enough, as it is authenticated.
	PlaintextSHA256 []byte `json:"plaintextSha256,omitempty"`
}

// Answer is what the witness saw.
type Answer struct {
	Token   string    `json:"token"`             // the label
	Problem string    `json:"problem,omitempty"` // why no key could be looked at; Keys is then empty
	Keys    []Verdict `json:"keys"`              // in the order of the request
}

// Verdict is about one key.
type Verdict struct {
	ID       string   `json:"id"`
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"` // each a sentence
	Opened   bool     `json:"opened"`             // the canary opened
}

// OK tells that every key was found good.
func (a Answer) OK() bool {
	if a.Problem != "" {
		return false
	}
	for _, v := range a.Keys {
		if !v.OK {
			return false
		}
	}
	return true
}

// Question is a child to start and what to ask it.
type Question struct {
	Exe     string   // the program, usually os.Executable()
	Args    []string // that make it the witness
	Env     []string // its environment; nil: this process's
	Request Request
	PIN     secret.Bytes // stays the caller's, who wipes it
}

// maxErrorText bounds what is shown of the child's standard error.
const maxErrorText = 2000

// Ask starts the child, waits for it and returns its answer. A child that finds fault with keys, or cannot look at
// them, answers all the same; the error is for one that does not answer. The context's end kills the child.
func Ask(ctx context.Context, q Question) (Answer, error) {
	question, err := json.Marshal(q.Request)
	if err != nil {
		return Answer{}, fmt.Errorf("write the question: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return Answer{}, fmt.Errorf("make a pipe for the PIN: %w", err)
	}
	defer r.Close()
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, q.Exe, q.Args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = q.Env, bytes.NewReader(question), &out, &talk
	cmd.ExtraFiles = []*os.File{r} // becomes descriptor 3
	if err := cmd.Start(); err != nil {
		return Answer{}, errors.Join(fmt.Errorf("start the witness: %w", err), w.Close())
	}
	// A PIN fits into the pipe's buffer, so this waits for nobody.
	_, err = w.Write(q.PIN.Reveal())
	if err := errors.Join(err, w.Close()); err != nil {
		_ = cmd.Process.Kill()
		return Answer{}, errors.Join(fmt.Errorf("hand over the PIN: %w", err), cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return Answer{}, fmt.Errorf("the witness ended with %w: %s", err, talk.Bytes()[:min(talk.Len(), maxErrorText)])
	}
	var a Answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return Answer{}, fmt.Errorf("read the witness's answer: %w", err)
	}
	return a, nil
}
