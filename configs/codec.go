package configs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"go.yaml.in/yaml/v3"
)

// codec turns one YAML node into a value and back into YAML in flow style. Its messages never repeat a value: it may be
// a PIN in the wrong place.
type codec[T any] struct {
	read func(n *yaml.Node) (T, []Problem)
	show func(v T) string
}

func bad(n *yaml.Node, format string, args ...any) []Problem {
	return []Problem{{Line: n.Line, Text: fmt.Sprintf(format, args...)}}
}

// scalar decodes a scalar that carries one of the tags.
func scalar[T any](n *yaml.Node, want string, tags ...string) (v T, problems []Problem) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		return v, bad(n, "is %s; write %s", kindOf(n), want)
	}
	if err := n.Decode(&v); err != nil {
		return v, bad(n, "is out of range; write %s", want)
	}
	return v, nil
}

func kindOf(n *yaml.Node) string {
	names := map[string]string{"!!null": "empty", "!!bool": "true or false", "!!int": "a number", "!!float": "a fraction",
		"!!str": "text", "!!map": "a mapping", "!!seq": "a list"}
	if name, ok := names[n.ShortTag()]; ok {
		return name
	}
	return "of a YAML type that has no use here"
}

// text takes numbers as they are written, so that an unquoted account id or serial number keeps its digits.
var text = codec[string]{
	read: func(n *yaml.Node) (string, []Problem) {
		if _, problems := scalar[any](n, "text in quotes", "!!str", "!!int", "!!float"); problems != nil {
			return "", problems
		}
		return n.Value, nil
	},
	show: strconv.Quote, // Validate admits printable characters only, for which Go and YAML quote alike
}

var flag = codec[bool]{
	read: func(n *yaml.Node) (bool, []Problem) { return scalar[bool](n, "true or false", "!!bool") },
	show: strconv.FormatBool,
}

var span = codec[time.Duration]{
	read: func(n *yaml.Node) (time.Duration, []Problem) {
		const want = "a duration of at least 1ms with its unit, such as 500ms, 5s or 2m"
		s, problems := scalar[string](n, want, "!!str")
		if problems != nil {
			return 0, problems
		}
		if d, err := time.ParseDuration(s); err == nil && d >= time.Millisecond {
			return d, nil
		}
		return 0, bad(n, "is no usable duration; write %s", want)
	},
	show: func(d time.Duration) string { return d.String() },
}

// whole is a whole number. Its least value is checked here, where an explicit 0 differs from a field left out.
func whole[T int | int64 | uint64](least T) codec[T] {
	return codec[T]{
		read: func(n *yaml.Node) (T, []Problem) {
			want := fmt.Sprintf("a whole number, %d or more", least)
			v, problems := scalar[T](n, want, "!!int")
			if problems == nil && v < least {
				problems = bad(n, "is too small; write %s, or leave the field out", want)
			}
			return v, problems
		},
		show: func(v T) string { return fmt.Sprint(v) },
	}
}

// opt is a field whose zero has a meaning of its own; nil says that it was left out.
func opt[T any](of codec[T]) codec[*T] {
	return codec[*T]{
		read: func(n *yaml.Node) (*T, []Problem) {
			v, problems := of.read(n)
			return &v, problems
		},
		show: func(v *T) string {
			if v == nil {
				return ""
			}
			return of.show(*v)
		},
	}
}

// ivPolicy is a policy by its name; the zero Policy, which means the profile's, shows as nothing.
var ivPolicy = codec[device.IVPolicy]{
	read: func(n *yaml.Node) (device.IVPolicy, []Problem) {
		name, problems := scalar[string](n, "the name of an IV policy", "!!str")
		if problems != nil {
			return 0, problems
		}
		p, err := device.ParseIVPolicy(name)
		if err != nil {
			return 0, bad(n, "is no IV policy; write host-random, written-back, prepended or appended, or leave it out")
		}
		return p, nil
	},
	show: func(p device.IVPolicy) string {
		if p == 0 {
			return ""
		}
		return p.String()
	},
}

var texts = codec[[]string]{
	read: func(n *yaml.Node) ([]string, []Problem) {
		if n.Kind != yaml.SequenceNode {
			return nil, bad(n, "is %s; write a list such as [ebs, s3]", kindOf(n))
		}
		var list []string
		var problems []Problem
		for _, item := range n.Content {
			value, err := scalar[string](item, "a name", "!!str")
			list, problems = append(list, value), append(problems, err...)
		}
		return list, problems
	},
	show: func(list []string) string {
		var quoted []string
		for _, value := range list {
			quoted = append(quoted, text.show(value))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	},
}

var variables = codec[map[string]string]{
	read: func(n *yaml.Node) (map[string]string, []Problem) {
		if n.Kind != yaml.MappingNode {
			return nil, bad(n, "is %s; write NAME: value lines below it", kindOf(n))
		}
		env := map[string]string{}
		var problems []Problem
		eachPair(n, func(name string, key, value *yaml.Node, err []Problem) {
			if err == nil {
				env[name], err = text.read(value)
			}
			problems = append(problems, under(name, err)...)
		})
		return env, problems
	},
	show: func(env map[string]string) string {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(env)) {
			pairs = append(pairs, name+": "+text.show(env[name]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	},
}
