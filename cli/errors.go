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

// guided gives the commands of a group advice of their own for errors of the API, by the errors' names.
func guided(steps map[string]string, commands ...*cli.Command) []*cli.Command {
	for _, command := range commands {
		action := command.Action
		if action == nil { // a group within the group
			continue
		}
		command.Action = func(c *cli.Context) error { return guide(action(c), steps) }
	}
	return commands
}

// guide adds the next step to an error that has none yet.
func guide(err error, steps map[string]string) error {
	var given *advised
	var wire *api.Error
	if !errors.As(err, &given) && errors.As(err, &wire) && steps[wire.Name] != "" && particular(wire) == "" {
		return advise(err, "%s", steps[wire.Name])
	}
	return err
}

// deniedRequest is a refusal with the id under which the audit log has it.
type deniedRequest struct {
	error
	id  string
	far bool // the log is on another machine
}

func (e *deniedRequest) Unwrap() error { return e.error }

// isDenied tells the refusal of who may not do something.
func isDenied(err error) bool {
	var wire *api.Error
	return errors.As(err, &wire) && wire.Name == api.AccessDeniedException
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
	var denied *deniedRequest
	if errors.As(err, &denied) && denied.id != "" {
		where := ""
		if denied.far {
			where = ", on the server's machine"
		}
		p.sayf("why, statement by statement%s: keyhold policy explain --request %s", where, denied.id)
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
	s = strings.TrimRight(s, " ") // one of AWS's texts ends with a blank
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
	return or(particular(e), strings.ReplaceAll(nextSteps[e.Name], "KEY", arnIn(e)))
}

// particular is the next step after one of several errors of a name.
func particular(e *api.Error) string {
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
		return "let the policy allow kms:PutKeyPolicy to the account's root, or say that you mean it with --bypass-lockout-check " +
			"of keyhold policy put, or BypassPolicyLockoutSafetyCheck in: keyhold call"
	case *api.PolicyPrincipals():
		return "a statement names nobody, which keyhold policy check FILE tells, or an account, user or role that does not exist; see what " +
			"there is with: keyhold account list, keyhold principal list"
	case *api.PolicyARN():
		return "a policy names accounts, users, roles and sessions of roles, and no groups; keyhold policy check FILE says where"
	case *api.SessionTooLong():
		return "ask for less with --duration, or let the role's sessions last longer: keyhold principal update role/NAME --max-session TIME"
	case *api.OnDemandLimit(lastWord(e.Message)):
		return "raise keys.on_demand_rotations in the configuration, or move the alias to a new key with: keyhold alias update NAME NEW-KEY"
	}
	return ""
}

// nextSteps by error; KEY becomes the ARN in the message.
var nextSteps = map[string]string{
	api.AccessDeniedException:      "the key policy decides who may do this, together with identity policies and grants",
	api.AlreadyExistsException:     "choose another name, or move the alias with: keyhold alias update",
	api.DependencyTimeoutException: "see how the token is with: keyhold hsm status",
	api.DisabledException:          "enable the key with: keyhold key enable KEY",
	api.IncorrectKeyException:      "another key made this ciphertext; leave out --key to have it found",
	api.InvalidCiphertextException: "the ciphertext does not open. Check that the file is complete and unchanged, " +
		"and give the same --context as when it was made",
	api.InvalidMarkerException:           "leave out --marker to begin at the first page; a marker is good for the list that told it",
	api.KeyUnavailableException:          "see what the token and its keys lack with: keyhold doctor",
	api.KMSInternalException:             "the cause is said above; keyhold doctor looks at everything",
	api.NotAuthorizedException:           "names that begin with alias/aws/ are reserved; choose another",
	api.NotFoundException:                "see what there is with: keyhold key list, keyhold alias list",
	api.MalformedPolicyDocumentException: "to see all that is wrong with a policy before it is sent: keyhold policy check FILE",
	api.SerializationException:           "the input must be one JSON object with the members of the operation",
	api.TagException:                     "each tag name may come once, none may begin with aws:, and a key has 50 tags at most; see keyhold key tags",
	api.UnrecognizedClientException: "the account, user or role to act as does not exist or is disabled; see what there is with: " +
		"keyhold account list, keyhold principal list",
	api.UnknownOperationException: "see what there is with: keyhold call --list",
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// arnIn is the key ARN with which messages about a key's state begin, or KEY. A server elsewhere may write anything in its
// place, and advice is pasted into shells.
func arnIn(e *api.Error) string {
	arn, _, _ := strings.Cut(e.Message, " ")
	if strings.HasPrefix(arn, "arn:") && shellWord(arn) == arn {
		return arn
	}
	return "KEY"
}
