package cli

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func quietProgram() *program {
	return &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	for name, tc := range map[string]struct{ typed, want string }{
		"a global flag after the operands":                          {"key describe K -o json", "-o json key describe -- K"},
		"a command's flag after the operands":                       {"key delete K --days 7 --yes", "key delete --days 7 --yes -- K"},
		"a value that follows after =":                              {"key delete --days=7 K", "key delete --days=7 -- K"},
		"flags before the command":                                  {"--data d key list", "--data d key list"},
		"flags between group and verb":                              {"key --data d list --all", "--data d key list --all"},
		"a value that looks like a flag":                            {"key update K --description --none", "key update --description --none -- K"},
		"operands after two dashes":                                 {"key tag K -- -x=1", "key tag -- K -x=1"},
		"a lone dash is an operand":                                 {"encrypt K -", "encrypt -- K -"},
		"help is a flag too":                                        {"help key list", "key list --help"},
		"help alone":                                                {"help", "--help"},
		"help after operands":                                       {"key describe K --help", "key describe --help"},
		"help before operands, in short":                            {"key update -h K --description D", "key update -h --description D"},
		"an operand that is named as a verb":                        {"alias create create list", "alias create -- create list"},
		"an unknown command stays":                                  {"key creat K", "key creat -- K"},
		"a global flag that the command has, too, is the command's": {"--account 1 dev --account=2", "dev --account 1 --account=2"},
		"a global flag of a nested command":                         {"principal --account 1 policy put P N F", "--account 1 principal policy put -- P N F"},
		"the version":                                               {"-v", "-v"},
		"nothing":                                                   {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := arrange(quietProgram().app(), append([]string{"keyhold"}, strings.Fields(tc.typed)...))
			if err != nil || strings.Join(got[1:], " ") != tc.want {
				t.Errorf("got %q, %v, want %q", strings.Join(got[min(1, len(got)):], " "), err, tc.want)
			}
		})
	}
}

func TestFlagsThatNobodyKnowsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ typed, want string }{
		"an unknown flag":              {"key list --foo", "there is no flag --foo here"},
		"a flag of another command":    {"key list --days 7", "there is no flag --days here; did you mean --data?"},
		"a flag that is nearly right":  {"key list --al", "there is no flag --al here; did you mean --all?"},
		"a flag without its value":     {"key list --limit", "the flag --limit wants a value"},
		"a global flag without value":  {"key list -o", "the flag -o wants a value"},
		"a negative number is no flag": {"random -5", "there is no flag -5 here"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := arrange(quietProgram().app(), append([]string{"keyhold"}, strings.Fields(tc.typed)...))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	for typed, want := range map[string]string{
		"ke":                                   "key",
		"key d":                                "describe disable delete",
		"key --data x list ":                   "",
		"--data x key c":                       "create cancel-delete",
		"-o ":                                  "table json",
		"key list --output j":                  "json",
		"key delete --y":                       "--yes",
		"completion f":                         "fish",
		"principal create ":                    "user role",
		"principal list r":                     "role",
		"principal create user ":               "",
		"principal policy p":                   "put",
		"policy check f --kind t":              "trust",
		"grant create K --operation ReEncrypt": "ReEncryptFrom ReEncryptTo",
		"policy put K ":                        "",
		"encrypt K ":                           "",
		"__":                                   "",
	} {
		t.Run(typed, func(t *testing.T) {
			var got []string
			for _, s := range suggest(quietProgram().app(), strings.Split(typed, " ")) {
				got = append(got, s.word)
			}
			if !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestCompletionScriptsAskTheHiddenCommand(t *testing.T) {
	for shell := range completionFiles {
		code, out, _ := run(t, "", "completion", shell)
		if code != exitOK || !strings.Contains(out, completeName+" "+shell+" ") {
			t.Errorf("%s: code %d, script\n%s", shell, code, out)
		}
	}
	code, out, _ := run(t, "", completeName, "zsh", "keyhold", "key", "des")
	if code != exitOK || out != "describe:tell what a key is and in which state\n" {
		t.Errorf("code %d, output %q", code, out)
	}
}
