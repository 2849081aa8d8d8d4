package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	cause error
	usage string // how the command is written
}

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

func usagef(c *cli.Context, format string, args ...any) error {
	usage := "keyhold COMMAND ..."
	if c.Command != nil && c.Command.HelpName != "" && c.Command.HelpName != c.App.HelpName {
		usage = c.Command.HelpName + " COMMAND ..."
		if len(c.Command.Subcommands) == 0 {
			usage = strings.TrimSpace(c.Command.HelpName + " [flags] " + c.Command.ArgsUsage)
		}
	}
	return &usageError{cause: fmt.Errorf(format, args...), usage: usage}
}

// advised is an error with what to do about it.
type advised struct {
	error
	advice string
}

func (e *advised) Unwrap() error { return e.error }

func advise(err error, format string, args ...any) error {
	return &advised{err, fmt.Sprintf(format, args...)}
}

// errReported is the failure of a command that has said on its own what is wrong.
var errReported = errors.New("reported")

// report says what went wrong, and what to do next, and gives the exit code.
func (p *program) report(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, &api.Error{Name: api.DryRunOperationException}):
		p.sayf("the request would have succeeded; nothing was done")
		return exitOK
	case errors.Is(err, errReported):
		return exitError
	case errors.As(err, &usage):
		p.sayf("%s", sentence(err.Error()))
		p.sayf("usage: %s", usage.usage)
		return exitUsage
	}
	p.sayf("%s", sentence(err.Error()))
	if advice := adviceFor(err); advice != "" {
		p.sayf("%s", advice)
	}
	if p.stuck.Load() {
		p.sayf("calls of the token do not return; a new process may get through")
		return exitStuck
	}
	return exitError
}

// sayf talks to the person at the terminal. What it says may quote the database, the token and files.
func (p *program) sayf(format string, args ...any) {
	for line := range strings.SplitSeq(legible(fmt.Sprintf(format, args...)), "\n") {
		_, _ = fmt.Fprintf(p.err, "keyhold: %s\n", line)
	}
}

// sentence ends with a full stop unless it is a list of lines, or ends with a mark of its own or with an address, which
// people copy.
func sentence(s string) string {
	if s == "" || strings.Contains(s, "\n") || strings.ContainsAny(s[len(s)-1:], ".?!:") || strings.Contains(lastWord(s), "://") {
		return s
	}
	return s + "."
}

func adviceFor(err error) string {
	var given *advised
	var wire *api.Error
	var config *configs.Error
	switch {
	case errors.As(err, &given):
		return given.advice
	case errors.As(err, &wire):
		return adviceOn(wire)
	case errors.As(err, &config):
		return "correct the configuration; every field is explained in the file that keyhold init writes"
	}
	return ""
}

// adviceOn is the next step after an error of the API. Errors that need no advice, and those whose text has it already,
// are not in the list.
func adviceOn(e *api.Error) string {
	arn := arnIn(e)
	switch *e {
	case *api.PendingDeletion(arn):
		return "keep the key with: keyhold key cancel-delete " + arn
	case *api.NotPendingDeletion(arn):
		return "its deletion was cancelled or never scheduled; see its state with: keyhold key describe " + arn
	case *api.CiphertextRefersTo():
		return "a key of another data directory made it, or the key policy keeps it from you. The keys here: keyhold key list"
	case *api.AliasesNotSupported():
		return "this command wants a key id or key ARN; keyhold key describe alias/NAME shows both"
	case *api.PolicyLockout():
		return "let the policy allow kms:PutKeyPolicy to the account's root, or say that you mean it with " +
			"BypassPolicyLockoutSafetyCheck in: keyhold call"
	case *api.OnDemandLimit(lastWord(e.Message)):
		return "raise keys.on_demand_rotations in the configuration, or move the alias to a new key with: keyhold alias update NAME NEW-KEY"
	}
	return strings.ReplaceAll(nextSteps[e.Name], "KEY", arn)
}

// nextSteps by error; KEY becomes the ARN in the message.
var nextSteps = map[string]string{
	api.AccessDeniedException:      "the key policy decides who may do this",
	api.AlreadyExistsException:     "choose another name, or move the alias with: keyhold alias update",
	api.DependencyTimeoutException: "see how the token is with: keyhold hsm status",
	api.DisabledException:          "enable the key with: keyhold key enable KEY",
	api.IncorrectKeyException:      "another key made this ciphertext; leave out --key to have it found",
	api.InvalidCiphertextException: "the ciphertext does not open. Check that the file is complete and unchanged, " +
		"and give the same --context as when it was made",
	api.InvalidMarkerException:    "leave out --marker to begin at the first page; a marker is good for the list that told it",
	api.KeyUnavailableException:   "see what the token and its keys lack with: keyhold doctor",
	api.KMSInternalException:      "the cause is said above; keyhold doctor looks at everything",
	api.NotAuthorizedException:    "names that begin with alias/aws/ are reserved; choose another",
	api.NotFoundException:         "see what there is with: keyhold key list, keyhold alias list",
	api.SerializationException:    "the input must be one JSON object with the members of the operation",
	api.TagException:              "each tag name may come once, none may begin with aws:, and a key has 50 tags at most; see keyhold key tags",
	api.UnknownOperationException: "see what there is with: keyhold call --list",
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// arnIn is the key ARN with which messages about a key's state begin, or KEY.
func arnIn(e *api.Error) string {
	arn, _, _ := strings.Cut(e.Message, " ")
	if strings.HasPrefix(arn, "arn:") {
		return arn
	}
	return "KEY"
}
