package policy

import (
	"strings"
	"unicode/utf8"
)

// The standard decoder is not used here: it takes the last of two members with one name, folds the case of names and
// repairs bad UTF-8. Each of those lets two readers of one document see two policies.

type kind int

const (
	objectKind kind = iota + 1
	arrayKind
	stringKind
	numberKind
	boolKind
	nullKind
)

func (k kind) String() string {
	return [...]string{"nothing", "an object", "a list", "a string", "a number", "a boolean", "null"}[k]
}

// node is one JSON value: document[at:end].
type node struct {
	at, end int
	kind    kind
	text    string   // of a string, unescaped; of a number or boolean, as written
	items   []node   // of a list
	members []member // of an object, in order
}

type member struct {
	at    int
	name  string
	value node
}

// maxDepth is far above what the grammar needs (Condition values: 6) and far below what could hurt.
const maxDepth = 32

// readJSON reads one value and nothing after it.
func readJSON(s source) (node, error) {
	if len(s.document) > MaxBytes {
		return node{}, s.errorAt(MaxBytes, "the document has %d bytes, more than %d", len(s.document), MaxBytes)
	}
	if err := s.checkCharset(); err != nil {
		return node{}, err
	}
	r := &reader{source: s}
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if r.peek() != 0 {
		return node{}, r.errorf("text follows the end of the policy")
	}
	return n, nil
}

// inCharset is AWS's pattern for the Policy member of requests: TAB, LF, CR and U+0020 to U+00FF.
func inCharset(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xff
}

func (s source) checkCharset() error {
	for at, c := range s.document {
		if c == utf8.RuneError && !strings.HasPrefix(s.document[at:], string(utf8.RuneError)) {
			return s.errorAt(at, "the text is not UTF-8")
		}
		if !inCharset(c) {
			return s.errorAt(at, "the character U+%04X is not allowed: only TAB, LF, CR and U+0020 to U+00FF are", c)
		}
	}
	return nil
}

type reader struct {
	source
	at int
}

func (r *reader) errorf(format string, args ...any) error {
	return r.errorAt(r.at, format, args...)
}

// peek skips white space and tells the next octet, 0 at the end. U+0000 itself is outside the character set.
func (r *reader) peek() byte {
	for r.at < len(r.document) && strings.IndexByte(" \t\r\n", r.document[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.document) {
		return 0
	}
	return r.document[r.at]
}

// next takes the octet c if it comes next.
func (r *reader) next(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) value(depth int) (node, error) {
	c := r.peek()
	n := node{at: r.at}
	var err error
	switch {
	case depth == maxDepth:
		return n, r.errorf("values are nested more than %d deep", maxDepth)
	case c == '{':
		n.kind = objectKind
		n.members, err = r.object(depth)
	case c == '[':
		n.kind = arrayKind
		n.items, err = r.array(depth)
	case c == '"':
		n.kind = stringKind
		n.text, err = r.string()
	case c == 0:
		return n, r.errorf("the text ends where a value belongs")
	default:
		n.kind, n.text, err = r.scalar()
	}
	n.end = r.at
	return n, err
}

func (r *reader) object(depth int) ([]member, error) {
	r.at++
	if r.next('}') {
		return nil, nil
	}
	var members []member
	seen := map[string]bool{}
	for {
		m, err := r.member(depth)
		if err != nil {
			return nil, err
		}
		if seen[m.name] {
			return nil, r.errorAt(m.at, "the member %q is given twice", m.name)
		}
		seen[m.name] = true
		members = append(members, m)
		if r.next('}') {
			return members, nil
		}
		if !r.next(',') {
			return nil, r.errorf("a comma or } belongs here")
		}
	}
}

func (r *reader) member(depth int) (member, error) {
	if r.peek() != '"' {
		return member{}, r.errorf("the name of a member, in double quotes, belongs here")
	}
	m := member{at: r.at}
	var err error
	if m.name, err = r.string(); err != nil {
		return m, err
	}
	if !r.next(':') {
		return m, r.errorf("a colon belongs here")
	}
	m.value, err = r.value(depth + 1)
	return m, err
}

func (r *reader) array(depth int) ([]node, error) {
	r.at++
	if r.next(']') {
		return nil, nil
	}
	var items []node
	for {
		n, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, n)
		if r.next(']') {
			return items, nil
		}
		if !r.next(',') {
			return nil, r.errorf("a comma or ] belongs here")
		}
	}
}
