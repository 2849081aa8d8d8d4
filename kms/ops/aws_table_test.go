package ops_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// awsTable is testdata/aws-kms.txt, which says how to read it.
type awsTable struct {
	common     map[string]bool // errors of all operations
	operations map[string]*awsOperation
	structures map[string][]awsMember
	enums      map[string][]string
	prints     map[string][]string
	unserved   []string
}

type awsOperation struct {
	in, out []awsMember
	errors  map[string]bool
}

type awsMember struct {
	name string
	must bool
	awsKind
	note, reason string // where Keyhold differs
}

// awsKind is the type of a member or of the elements of a list, with its constraints.
type awsKind struct {
	kind     string // text, blob, secret, int, bool, time, texts, list, or the name of an enum or structure
	bounded  bool
	min, max int
	pattern  string
	hidden   bool
	element  *awsKind
}

var (
	awsMemberLine = regexp.MustCompile(`^(?:in|out|has) +(\w+) +(must|may) +(.*?)(?: -- ([^:]+): (.+))?$`)
	awsListForm   = regexp.MustCompile(`^\[(.*)\](?: (\d+\.\.\d+))?( hidden)?$`)
	awsBounds     = regexp.MustCompile(`^(\d+)\.\.(\d+)$`)
)

// aws reads the table once.
var aws = sync.OnceValues(func() (*awsTable, error) {
	text, err := os.ReadFile("testdata/aws-kms.txt")
	if err != nil {
		return nil, err
	}
	r := awsReader{table: &awsTable{common: map[string]bool{}, operations: map[string]*awsOperation{}, structures: map[string][]awsMember{},
		enums: map[string][]string{}, prints: map[string][]string{}}}
	for _, line := range strings.Split(strings.ReplaceAll(string(text), "\n       ", " "), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := r.line(line); err != nil {
			return nil, err
		}
	}
	return r.table, nil
})

// awsReader knows what the lines of members and errors belong to.
type awsReader struct {
	table     *awsTable
	operation *awsOperation
	structure string
}

func (r *awsReader) line(line string) error {
	words := strings.Fields(line)
	switch words[0] {
	case "operation":
		r.operation = &awsOperation{errors: map[string]bool{}}
		r.table.operations[words[1]] = r.operation
	case "structure":
		r.structure = words[1]
	case "in", "out", "has":
		return r.member(words[0], line)
	case "errors", "also":
		r.errors(words[0], words[1:])
	case "enum":
		r.table.enums[words[1]] = words[2:]
	case "prints":
		r.table.prints[words[1]] = words[2:]
	case "unserved":
		r.table.unserved = words[1:]
	default:
		return fmt.Errorf("the table has the line %q", line)
	}
	return nil
}

func (r *awsReader) member(where, line string) error {
	m, err := readMember(line)
	switch where {
	case "in":
		r.operation.in = append(r.operation.in, m)
	case "out":
		r.operation.out = append(r.operation.out, m)
	default:
		r.table.structures[r.structure] = append(r.table.structures[r.structure], m)
	}
	return err
}

// errors are names without "Exception", of the operation or "of all"; of those that Keyhold adds there is one to a line.
func (r *awsReader) errors(kind string, names []string) {
	set := r.table.common
	if names[0] == "of" {
		names = names[2:]
	} else {
		set = r.operation.errors
	}
	if kind == "also" {
		names = names[:1]
	}
	for _, name := range names {
		set[strings.TrimSuffix(name, ":")+"Exception"] = true
	}
}

func theAWSTable(t testing.TB) *awsTable {
	t.Helper()
	table, err := aws()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func readMember(line string) (awsMember, error) {
	parts := awsMemberLine.FindStringSubmatch(line)
	if parts == nil {
		return awsMember{}, fmt.Errorf("the table has the member %q", line)
	}
	kind, err := readKind(strings.TrimSpace(parts[3]))
	m := awsMember{name: parts[1], must: parts[2] == "must", awsKind: kind, note: parts[4], reason: parts[5]}
	if bounds := awsBounds.FindStringSubmatch(m.note); bounds != nil {
		m.min, _ = strconv.Atoi(bounds[1])
		m.max, _ = strconv.Atoi(bounds[2])
	}
	m.hidden = m.hidden || m.note == "hidden"
	return m, err
}

func readKind(text string) (awsKind, error) {
	if list := awsListForm.FindStringSubmatch(text); list != nil {
		element, err := readKind(list[1])
		k := awsKind{kind: "list", element: &element, hidden: list[3] != ""}
		k.bound(list[2])
		return k, err
	}
	words := strings.SplitN(text, " ", 3)
	k := awsKind{kind: words[0]}
	switch {
	case len(words) == 3 && k.kind == "texts":
		_, err := fmt.Sscan(words[1]+" "+words[2], &k.min, &k.max)
		k.bounded = true
		return k, err
	case len(words) > 1 && !k.bound(words[1]):
		return k, fmt.Errorf("the table has the kind %q", text)
	case len(words) == 3:
		k.pattern = words[2]
	}
	return k, nil
}

func (k *awsKind) bound(text string) bool {
	parts := awsBounds.FindStringSubmatch(text)
	if k.bounded = parts != nil; k.bounded {
		k.min, _ = strconv.Atoi(parts[1])
		k.max, _ = strconv.Atoi(parts[2])
	}
	return k.bounded
}

// matches tells whether a text is of the pattern, as Java's matches does: the whole of it.
func (k awsKind) matches(text string) bool {
	if k.pattern == "" {
		return true
	}
	form := strings.ReplaceAll(k.pattern, `\p{ASCII}`, `[\x00-\x7F]`)
	form = regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(form, `\x{$1}`)
	return regexp.MustCompile(`^(?:` + form + `)$`).MatchString(text)
}

// mayAnswer asserts that an operation of AWS answers an error that the table knows, whichever test asked for it.
func mayAnswer(t testing.TB, operation string, err error) {
	t.Helper()
	table := theAWSTable(t)
	row := table.operations[operation]
	var e *api.Error
	if row == nil || !errors.As(err, &e) {
		return
	}
	if !row.errors[e.Name] && !table.common[e.Name] {
		t.Errorf("%s answers %v, which AWS does not document", operation, e)
	}
}

// The reference gives every modelled error the status 400, and 500 to three. Their names are the wire's __type.
func TestTheErrorsOfTheTableHaveTheirStatus(t *testing.T) {
	table := theAWSTable(t)
	server := []string{api.DependencyTimeoutException, api.KMSInternalException, api.KeyUnavailableException}
	all := map[string]bool{}
	for _, row := range table.operations {
		for name := range row.errors {
			all[name] = true
		}
	}
	for name := range all {
		want := 400
		if slices.Contains(server, name) {
			want = 500
		}
		e := &api.Error{Name: name}
		if got := e.Status(); got != want || string(e.Body()) != `{"__type":"`+name+`"}` {
			t.Errorf("%s has status %d, want %d; its body is %s", name, got, want, e.Body())
		}
	}
	if len(all) < 25 {
		t.Errorf("the table has %d errors", len(all))
	}
}
