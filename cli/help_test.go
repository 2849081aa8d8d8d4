package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// leaves are the commands that do something, with the words that call them.
func leaves(commands []*cli.Command, path ...string) map[string]*cli.Command {
	found := map[string]*cli.Command{}
	for _, c := range commands {
		here := append(slices.Clone(path), c.Name)
		for name, leaf := range leaves(c.Subcommands, here...) {
			found[name] = leaf
		}
		if len(c.Subcommands) == 0 && !c.Hidden {
			found[strings.Join(here, " ")] = c
		}
	}
	return found
}

func TestEveryCommandExplainsItself(t *testing.T) {
	all := leaves(quietProgram().app().Commands)
	if len(all) < 30 {
		t.Fatalf("the tree has %d commands only: %v", len(all), all)
	}
	for name, c := range all {
		if c.Usage == "" || strings.HasSuffix(c.Usage, ".") {
			t.Errorf("%s: the usage is %q: want a phrase", name, c.Usage)
		}
		if c.ArgsUsage == "" {
			t.Errorf("%s: ArgsUsage is empty: name the operands, or noOperands", name)
		}
		_, examples, ok := strings.Cut(c.Description, "\n\nExample:\n")
		if !ok || !strings.Contains(examples, "keyhold "+name) && !strings.Contains(examples, "(keyhold "+name) {
			t.Errorf("%s: the description has no example of the command: %q", name, c.Description)
		}
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); !ok || d.GetUsage() == "" || d.TakesValue() != strings.Contains(d.GetUsage(), "`") {
				t.Errorf("%s --%s: want a usage, with the value in backquotes if there is one", name, f.Names()[0])
			}
		}
	}
}

// The examples are what people paste: their flags must exist.
func TestTheExamplesAreUnderstood(t *testing.T) {
	for name, c := range leaves(quietProgram().app().Commands) {
		_, examples, _ := strings.Cut(c.Description, "Example:\n")
		for line := range strings.SplitSeq(strings.ReplaceAll(examples, "\\\n", " "), "\n") {
			_, line, _ = strings.Cut(strings.TrimSuffix(line, ")"), "keyhold ")
			if _, err := arrange(quietProgram().app(), append([]string{"keyhold"}, strings.Fields(line)...)); err != nil {
				t.Errorf("%s: keyhold %s: %v", name, line, err)
			}
		}
	}
}

func TestHelpNamesFlagsAndCommands(t *testing.T) {
	for typed, want := range map[string][]string{
		"--help":            {"USAGE:", "data-key  ", "--data DIR ", "[$KEYHOLD_DATA]", "(default: ./keyhold-data)", "--version, -v"},
		"help":              {"USAGE:"},
		"key --help":        {"keyhold key COMMAND", "cancel-delete  "},
		"help key delete":   {"keyhold key delete [flags] KEY", "--days N", "(default: 30)", "Example:\n      keyhold key delete "},
		"key describe K -h": {"keyhold key describe [flags] KEY"},
		"hsm status --help": {"keyhold hsm status [flags]\n"},
	} {
		t.Run(typed, func(t *testing.T) {
			code, out, talk := run(t, "", strings.Fields(typed)...)
			if code != exitOK || talk != "" {
				t.Errorf("code %d, said %q", code, talk)
			}
			for _, part := range want {
				if !strings.Contains(out, part) {
					t.Errorf("%q is not in\n%s", part, out)
				}
			}
			if strings.Contains(out, "__") || strings.Contains(out, "false)") {
				t.Errorf("shows what it should not:\n%s", out)
			}
		})
	}
}

func TestAMistakeInTheCommandLineIsAUsageError(t *testing.T) {
	for typed, want := range map[string]string{
		"":                                    "a command is missing",
		"key":                                 "a command is missing",
		"kee list":                            `there is no command "kee"; did you mean key?`,
		"key creat":                           `there is no command "creat"; did you mean create?`,
		"zzz":                                 `there is no command "zzz".`,
		"key describe":                        "an operand is missing.",
		"key describe a b":                    `"b" is one operand too many.`,
		"key delete K --days x":               `invalid value "x" for flag -days`,
		"key delete K --days 3":               "--days is 3: want 7 to 30.",
		"key auto-rotation K --on --off":      "--on and --off exclude each other.",
		"key auto-rotation K --days 100":      "--days goes with --on.",
		"key auto-rotation K --on --days 5":   "--days is 5: want 90 to 2560.",
		"key update K":                        "--description is missing.",
		"key create --tag x":                  `tag "x": want NAME=VALUE.`,
		"key list -o yaml":                    "the formats are table and json.",
		"data-key K --spec AES_512":           `--spec is "AES_512": want one of [AES_256 AES_128].`,
		"data-key K --spec AES_128 --bytes 5": "--spec and --bytes exclude each other.",
		"data-key K --plaintext-out f --without-plaintext":  "--plaintext-out and --without-plaintext exclude each other.",
		"data-key K --plaintext-out f --ciphertext-out ./f": "name the same file.",
		"encrypt K --raw --base64":                          "--raw and --base64 exclude each other.",
		"encrypt K --out f -o json":                         "--out and -o json exclude each other.",
		"encrypt K --context x":                             `--context "x": want NAME=VALUE.`,
		"reencrypt f":                                       "--to KEY is missing.",
		"random 0":                                          `N is "0": want 1 to 1024.`,
		"call":                                              "name an operation, or --list.",
		"key list --account 12":                             `--account is "12": want 12 digits; keyhold account list shows`,
		"key list --account=":                               `--account is "": want 12 digits`,
		"principal create robot r2d2":                       `"robot" is no kind of principal: want user or role.`,
		"principal create role batch":                       "--trust is missing: a role needs a trust policy",
		"principal create role batch --max-session 30m":     `--max-session is "30m": want a time from 1h to 12h`,
		"principal create user u --policy-file x":           `--policy-file "x": want NAME=FILE.`,
		"principal create user u --policy-file administrator=f --administrator": "--administrator is a policy of that name",
		"principal list robots":                              `"robots" is no kind of principal`,
		"principal update user/u":                            "name what shall change: --description, --tag",
		"principal update user/u --tag a=b --no-tags":        "--tag and --no-tags exclude each other.",
		"principal policy":                                   "a command is missing",
		"principal policy put user/u name":                   "an operand is missing.",
		"principal polic get":                                `there is no command "polic"; did you mean policy?`,
		"access-key create u --env --out f":                  "--env excludes --profile and --out.",
		"access-key create u --env -o json":                  "-o json excludes --env, --profile and --out.",
		"access-key create u --profile [x]":                  `--profile is "[x]": want letters, digits`,
		"access-key create u --profile=":                     `--profile is "": want letters, digits`,
		"access-key session":                                 "--role is missing",
		"access-key session --role r --duration 5":           `--duration is "5": want a time from 15m to 12h`,
		"grant create K":                                     "--grantee is missing",
		"grant create K --grantee user/u":                    "--operation is missing",
		"grant create K --grantee user/u --operation Decrpt": `--operation "Decrpt": there is none; did you mean Decrypt?`,
		"grant create K --grantee user/u --operation Fly":    `--operation "Fly": want one of Decrypt, Encrypt`,
		"grant create K --grantee u --operation Sign --context-equals a=b --context-subset a=b": "--context-equals and --context-subset exclude each other.",
		"grant list":                                                   "name a KEY, or a principal with --retiring",
		"grant list K --retiring user/u":                               "name a KEY, or a principal with --retiring",
		"grant list --retiring user/u --grantee user/v":                "--grantee goes with a KEY.",
		"grant retire K":                                               "name the grant by KEY and GRANT, or by --token",
		"grant retire K G --token T":                                   "name the grant by KEY and GRANT, or by --token",
		"policy explain --principal user/u":                            "name --principal and --action, or a --request.",
		"policy explain --request r --key K":                           "--request says it all: leave out --key.",
		"policy explain --principal u --action a --condition x":        `--condition "x": want KEY=VALUE.`,
		"policy explain --principal u --action a --key K --resource R": "--key and --resource exclude each other.",
		"policy check f --kind grant":                                  `--kind is "grant": want key, identity or trust.`,
		"policy reset K --yes":                                         "--break-glass is missing",
		"policy who-can Decrypt":                                       "an operand is missing.",
		"call ListKeys --dry-run":                                      "ListKeys has no dry run.",
		`call DescribeKey {"keyId":"x"}`:                               "DescribeKey does not have: keyId (did you mean KeyId?).",
		"completion tcsh":                                              "the shells are bash, zsh and fish.",
		"init --data nowhere":                                          "--account is missing",
		"init --data nowhere --account 12 --pin-fd 3 --token-label x":  "--account: is not an AWS account id",
	} {
		t.Run(typed, func(t *testing.T) {
			code, out, talk := run(t, "", strings.Fields(typed)...)
			if code != exitUsage || out != "" || !strings.Contains(talk, want) || !strings.Contains(talk, "keyhold: usage: keyhold") {
				t.Errorf("code %d, output %q, said %q, want %q", code, out, talk, want)
			}
		})
	}
}

// run is one command in this process, with neither directory nor server named by the environment.
func run(t *testing.T, input string, args ...string) (code int, out, talk string) {
	t.Helper()
	for _, name := range []string{"KEYHOLD_DATA", "KEYHOLD_CONFIG", endpointVariable, "KEYHOLD_CA_FILE", "KEYHOLD_CLIENT_CERT", "KEYHOLD_CLIENT_KEY"} {
		t.Setenv(name, "")
	}
	var stdout, stderr bytes.Buffer
	code = Main(append([]string{"keyhold"}, args...), strings.NewReader(input), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}
