package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/ownership"
	"go.yaml.in/yaml/v3"
)

// maxSize is more than any configuration needs.
const maxSize = 1 << 20

// Load reads the configuration file and resolves its relative paths: module.path, token.pin.file, and those values of
// module.env that begin with ./ or ../ start at the directory of the file (audit.dir starts at the data directory).
// A file that others could change or replace is refused with an *ownership.Error, for it names code to load. Mistakes
// come as an *Error that holds all of them.
func Load(path string) (Config, error) {
	data, err := readFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := Parse(data, path)
	if err != nil {
		return Config{}, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("resolve paths of the configuration: %w", err)
	}
	c.resolve(dir)
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if err := ownership.CheckOpen(f); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

func (c *Config) resolve(dir string) {
	tls := &c.Server.TLS
	for _, p := range []*string{&c.Module.Path, &c.Token.PIN.File, &tls.Certificate, &tls.Key, &tls.ClientCA} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for name, value := range c.Module.Env {
		if strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") {
			c.Module.Env[name] = filepath.Join(dir, value)
		}
	}
}

// Parse reads a configuration without resolving its paths. The name stands in messages only. Mistakes come as an *Error
// that holds all of them.
func Parse(data []byte, name string) (Config, error) {
	r := reader{lines: map[string]int{}}
	if root, problems := document(data); problems != nil {
		r.problems = problems
	} else {
		r.mapping("", root)
		r.c = r.c.withDefaults()
		r.validate()
	}
	if len(r.problems) == 0 {
		return r.c, nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	return Config{}, &Error{Name: name, Problems: r.problems}
}

// document is the root mapping of the only document in data.
func document(data []byte) (*yaml.Node, []Problem) {
	if len(data) > maxSize {
		return nil, []Problem{{Text: "is larger than 1 MiB; this is not a Keyhold configuration, check the path"}}
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, []Problem{{Text: "is empty; write one with `keyhold init`"}}
	case err != nil:
		return nil, []Problem{{Text: "is not YAML; mend the line that is named: " + err.Error()}}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, bad(root, "is %s; begin with lines such as version: 1", kindOf(root))
	}
	if err := dec.Decode(&second); err == nil {
		return nil, bad(&second, "a second document begins here; keep one document and remove the ---")
	} else if !errors.Is(err, io.EOF) {
		return nil, []Problem{{Text: "does not end after its document; remove what follows: " + err.Error()}}
	}
	return root, nil
}

// reader gathers a Config, its problems, and where each field stands.
type reader struct {
	c        Config
	lines    map[string]int
	problems []Problem
}

func (r *reader) mapping(prefix string, n *yaml.Node) {
	eachPair(n, func(name string, key, value *yaml.Node, problems []Problem) {
		path := join(prefix, name)
		if problems == nil {
			r.lines[path] = key.Line
			problems = r.pair(path, value)
		}
		r.problems = append(r.problems, under(path, problems)...)
	})
}

func (r *reader) pair(path string, value *yaml.Node) []Problem {
	if at := slices.IndexFunc(fields, func(f field) bool { return f.path == path }); at >= 0 {
		return fields[at].read(&r.c, value)
	}
	_, known := sections[path]
	switch {
	case !known:
		return bad(value, "unknown field; known here: %s", strings.Join(namesBeside(path), ", "))
	case value.Kind == yaml.MappingNode:
		r.mapping(path, value)
	case value.ShortTag() == "!!null": // a section whose every line is commented out
	case path == "token.pin":
		return bad(value, "a PIN never stands in a configuration; name where it is with file, fd or credential below pin, "+
			"and change the PIN if this was the real one")
	default:
		return bad(value, "is %s; write its fields on indented lines below it", kindOf(value))
	}
	return nil
}

// validate adds what Validate would say, with lines, and only about fields that could be read.
func (r *reader) validate() {
	failed := func(path string) bool {
		return slices.ContainsFunc(r.problems, func(p Problem) bool {
			return p.Path == path || strings.HasPrefix(path, p.Path+".")
		})
	}
	var more []Problem
	if _, ok := r.lines["version"]; !ok {
		more = []Problem{{Path: "version", Text: fmt.Sprintf("is missing; write version: %d", Version)}}
	}
	for _, f := range findings(r.c) {
		if failed(f.Path) || slices.ContainsFunc(f.about, failed) {
			continue
		}
		f.Line = r.line(f.Path)
		more = append(more, f.Problem)
	}
	r.problems = append(r.problems, more...)
}

// line is where the field, or the nearest section around it, stands.
func (r *reader) line(path string) int {
	for ; path != ""; path = parent(path) {
		if line, ok := r.lines[path]; ok {
			return line
		}
	}
	return 0
}

// eachPair calls f for every pair of a mapping, with a problem in place of a pair that cannot be used.
func eachPair(n *yaml.Node, f func(name string, key, value *yaml.Node, problems []Problem)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		before, again := first[name]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || !variableForm.MatchString(name):
			f("", key, value, bad(key, "a field's name is letters, digits and _; write one field a line, indented below its section"))
		case again:
			f(name, key, value, bad(key, "stands twice, first on line %d; keep one", before))
		case value.Kind == yaml.AliasNode:
			f(name, key, value, bad(value, "is a YAML alias; write the value itself"))
		default:
			f(name, key, value, nil)
		}
		if !again {
			first[name] = key.Line
		}
	}
}

// under puts a path before the paths of problems.
func under(path string, problems []Problem) []Problem {
	out := slices.Clone(problems)
	for i := range out {
		out[i].Path = join(path, out[i].Path)
	}
	return out
}

func join(prefix, name string) string { return strings.Trim(prefix+"."+name, ".") }

func parent(path string) string {
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		return path[:at]
	}
	return ""
}

// namesBeside are the names that may stand where path stands.
func namesBeside(path string) []string {
	var names []string
	for _, f := range fields {
		for p := f.path; p != ""; p = parent(p) {
			if name := strings.TrimPrefix(p, parent(p)+"."); parent(p) == parent(path) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
