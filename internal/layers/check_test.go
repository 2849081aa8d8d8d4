package layers_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/keyhold/keyhold"

// source is what one Go file imports.
type source struct {
	file    string
	imports []string
}

// dir is the package's directory, relative to the repository.
func (s source) dir() string { return path.Dir(s.file) }

func (s source) isTest() bool { return strings.HasSuffix(s.file, "_test.go") }

// files lists the repository's own module: no build output, no data directory, no nested module.
func files(repo fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(repo, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			found = append(found, file)
			return nil
		}
		_, noModule := fs.Stat(repo, path.Join(file, "go.mod"))
		if file != "." && (noModule == nil || slices.Contains([]string{".git", "bin", "keyhold-data"}, file)) {
			return fs.SkipDir
		}
		return nil
	})
	return found, err
}

// sources parses the imports of every Go file. It reads the files and not what the go command says of them, so that no
// build tag and no cache can hide one.
func sources(repo fs.FS) ([]source, error) {
	all, err := files(repo)
	if err != nil {
		return nil, err
	}
	var found []source
	for _, file := range all {
		if path.Ext(file) != ".go" || strings.Contains("/"+file, "/testdata/") {
			continue
		}
		text, err := fs.ReadFile(repo, file)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			return nil, err
		}
		s := source{file: file}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			s.imports = append(s.imports, name)
		}
		found = append(found, s)
	}
	return found, nil
}

// violations says what is wrong with the imports of one file, one sentence each.
func violations(s source) []string {
	rank, known := rankOf(s.dir())
	if !known {
		return []string{fmt.Sprintf("%s: package %s has no rank; add it to ranks in internal/layers/rules_test.go", s.file, s.dir())}
	}
	var out []string
	for _, name := range s.imports {
		if dir, own := ownPackage(name); own {
			out = append(out, wrongRank(s, rank, dir)...)
		} else {
			out = append(out, wrongHome(s, name)...)
		}
	}
	return out
}

func wrongRank(s source, rank int, dir string) []string {
	imported, known := rankOf(dir)
	switch {
	case !known:
		return []string{fmt.Sprintf("%s: imports %s, which has no rank; add it to ranks in internal/layers/rules_test.go", s.file, dir)}
	case imported < rank:
		return nil
	case s.isTest() && (dir == s.dir() || matches(testKits, dir)):
		return nil
	}
	return []string{fmt.Sprintf("%s: %s (rank %d) imports %s (rank %d); only lower ranks may be imported", s.file, s.dir(), rank, dir, imported)}
}

func wrongHome(s source, name string) []string {
	impure := slices.ContainsFunc(notInTheCore, func(n string) bool { return isOrBelow(name, n) })
	if impure && !s.isTest() && slices.Contains(core, s.dir()) {
		return []string{fmt.Sprintf("%s: the core imports %s; leave that to an adapter", s.file, name)}
	}
	at := slices.IndexFunc(onlyThese, func(o only) bool { return isOrBelow(name, o.imported) })
	if at < 0 {
		if host, _, _ := strings.Cut(name, "/"); strings.Contains(host, ".") {
			return []string{fmt.Sprintf("%s: imports %s, a module that has no home; add it to onlyThese in internal/layers/rules_test.go", s.file, name)}
		}
		return nil
	}
	o := onlyThese[at]
	if matches(o.homes, s.dir()) || s.isTest() && matches(o.tests, s.dir()) {
		return nil
	}
	return []string{fmt.Sprintf("%s: imports %s, whose only homes are %s", s.file, name, strings.Join(slices.Concat(o.homes, o.tests), ", "))}
}

func isOrBelow(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

// ownPackage is the directory of an import path of this module.
func ownPackage(name string) (dir string, own bool) {
	if name == module {
		return ".", true
	}
	return strings.CutPrefix(name, module+"/")
}

func rankOf(dir string) (rank int, known bool) {
	for _, r := range ranks {
		if matches(r.dirs, dir) {
			return r.rank, true
		}
	}
	return 0, false
}

// matches tells whether a pattern names dir; dir/* names what is directly below dir.
func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, dir)
		return ok && err == nil
	})
}
