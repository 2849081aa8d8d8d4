package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

const (
	// processTime is how long a credential_process may take, which is what the AWS SDKs give it.
	processTime = time.Minute
	// maxProcessOutput bounds what it prints, in bytes.
	maxProcessOutput = 64 << 10
	// processGrace is how long its children may keep its output open once it has ended.
	processGrace = time.Second
	// processVariable tells a credential_process for which profiles one is run, a line for each: a command that asks for the
	// credentials of the profile that it is run for would be run again and again.
	processVariable = "KEYHOLD_CREDENTIAL_PROCESS"
)

// processOutput is what it prints (AWS SDKs and Tools Reference Guide, "Process credential provider").
type processOutput struct {
	Version         *int32         `json:"Version"`
	AccessKeyID     string         `json:"AccessKeyId"`
	SecretAccessKey api.SecretText `json:"SecretAccessKey"`
	SessionToken    api.SecretText `json:"SessionToken"`
	Expiration      string         `json:"Expiration"` // ISO 8601; absent: they do not expire
}

// processCredentials runs a credential_process and reads what it prints. No shell sees the command, and errors show
// nothing of it or of its output. What it says on its error output goes to that of this process: it may ask for something.
// running are the lines of processVariable.
func processCredentials(ctx context.Context, command, running string) (Credentials, error) {
	words, err := splitWords(command)
	if err != nil {
		return Credentials{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, processTime)
	defer cancel()
	out := &boundedBuffer{room: make([]byte, 0, maxProcessOutput)}
	defer out.wipe()
	cmd := exec.CommandContext(bounded, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, os.Stderr, processGrace
	cmd.Env = append(os.Environ(), processVariable+"="+running)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case bounded.Err() != nil:
		return Credentials{}, fmt.Errorf("it did not end in time: %w", bounded.Err())
	case out.full:
		return Credentials{}, errTooMuch
	case errors.As(err, &exit):
		return Credentials{}, fmt.Errorf("it failed: %s", exit.ProcessState)
	case err != nil:
		return Credentials{}, fmt.Errorf("it cannot be run: %w", err)
	}
	return readProcessOutput(out.room)
}

func readProcessOutput(text []byte) (Credentials, error) {
	var out processOutput
	if api.Decode(text, &out, api.IgnoreUnknown) != nil {
		return Credentials{}, errors.New("it printed something else than a JSON object with Version, AccessKeyId and SecretAccessKey")
	}
	switch {
	case out.Version == nil || *out.Version != 1:
		return Credentials{}, errors.New("its answer is not of Version 1")
	case out.AccessKeyID == "" || out.SecretAccessKey == "":
		return Credentials{}, errors.New("its answer has no AccessKeyId or no SecretAccessKey")
	}
	var expires time.Time
	if out.Expiration != "" {
		var err error
		if expires, err = time.Parse(time.RFC3339, out.Expiration); err != nil {
			return Credentials{}, errors.New("the Expiration in its answer is not an instant of ISO 8601")
		}
	}
	key := []byte(out.SecretAccessKey)
	defer secret.Wipe(key)
	return NewCredentials(out.AccessKeyID, key, string(out.SessionToken), expires), nil
}

var errTooMuch = fmt.Errorf("it printed more than %d bytes", maxProcessOutput)

// boundedBuffer never moves what it holds.
type boundedBuffer struct {
	room []byte
	full bool // there was more
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.full = b.full || len(p) > cap(b.room)-len(b.room); b.full {
		return 0, errTooMuch
	}
	b.room = append(b.room, p...)
	return len(p), nil
}

func (b *boundedBuffer) wipe() { secret.Wipe(b.room) }

// splitWords parts a command at blanks as a POSIX shell does, which is how AWS's own tools read a credential_process:
// quotes keep blanks, and a backslash what follows it. Nothing else means anything.
func splitWords(command string) (words []string, err error) {
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, r := range command {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			inWord, quote = true, r
		case r != ' ' && r != '\t':
			inWord = true
			word.WriteRune(r)
		case inWord:
			words, inWord = append(words, word.String()), false
			word.Reset()
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("the command ends within quotes, or with a backslash")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("there is no command")
	}
	return words, nil
}
