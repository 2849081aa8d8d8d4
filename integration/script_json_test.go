package integration

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptJSON looks into a file, or stdout, that holds one JSON value. The words after it lead to a place: members of
// objects, indices of lists, NAME=VALUE for the first element of a list with such a member, # for a list's length.
//
//	json FILE PATH...             there is something
//	json FILE PATH... = VALUE     that is written like this
//	json FILE PATH... -> VAR      and this variable gets it
//	! json FILE PATH...           there is nothing
func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] json FILE PATH... [= VALUE | -> VAR]")
	}
	path, operator, operand := args[1:], "", ""
	if n := len(path) - 2; n > 0 && (path[n] == "=" || path[n] == "->") {
		path, operator, operand = path[:n], path[n], path[n+1]
	}
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	decoder.UseNumber()
	var value any
	ts.Check(decoder.Decode(&value))
	found := true
	for _, step := range path {
		if value, found = follow(value, step); !found {
			break
		}
	}
	switch text := written(value); {
	case neg && operator != "":
		ts.Fatalf("! json takes a path and nothing else")
	case neg && found:
		ts.Fatalf("%s has %s: %s", args[0], path, text)
	case neg:
	case !found:
		ts.Fatalf("%s has nothing at %s", args[0], path)
	case operator == "=" && text != operand:
		ts.Fatalf("%s has at %s %q, want %q", args[0], path, text, operand)
	case operator == "->":
		ts.Setenv(operand, text)
	}
}

// follow takes one step into a value.
func follow(value any, step string) (any, bool) {
	switch v := value.(type) {
	case map[string]any:
		member, ok := v[step]
		return member, ok
	case []any:
		if step == "#" {
			return json.Number(strconv.Itoa(len(v))), true
		}
		i, err := strconv.Atoi(step)
		if name, want, ok := strings.Cut(step, "="); ok {
			i, err = slices.IndexFunc(v, func(element any) bool {
				got, ok := follow(element, name)
				return ok && written(got) == want
			}), nil
		}
		if err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// written is a text without its quotes, or any other value in JSON.
func written(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
