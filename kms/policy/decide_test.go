package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

var update = flag.Bool("update", false, "write the reasons of the decisions in testdata anew; never the decisions")

// setup is the lines of a decision file that cases ask about; testdata/decisions/README.md explains them.
type setup struct {
	version   string
	kind      policy.Kind
	document  string // of the resource, whole
	resources []string
	identity  []string // names, in order
	bearers   map[string][]string
	grants    []policy.Grant
	owner     string
	condition string
}

func newSetup() *setup {
	return &setup{version: "2012-10-17", kind: policy.KeyPolicy, owner: home, bearers: map[string][]string{}}
}

// line takes one line of a setup; false if it is none.
func (s *setup) line(text string) (bool, error) {
	word, rest, _ := strings.Cut(text, ": ")
	word, name, _ := strings.Cut(word, " ")
	rest = named(rest)
	switch word {
	case "version":
		s.version = rest
	case "document":
		s.document = rest
	case "key":
		s.resources = append(s.resources, rest)
	case "trust":
		s.kind = policy.TrustPolicy
		s.resources = append(s.resources, rest)
	case "identity":
		if _, ok := s.bearers[name]; !ok {
			s.identity = append(s.identity, name)
		}
		s.bearers[name] = append(s.bearers[name], rest)
	case "grant":
		g := policy.Grant{ID: name}
		if err := json.Unmarshal([]byte(rest), &g); err != nil {
			return true, err
		}
		s.grants = append(s.grants, g)
	case "owner":
		s.owner = strings.TrimSuffix(rest, "nobody")
	case "condition":
		s.condition = rest
	default:
		return false, nil
	}
	return true, nil
}

func (s *setup) whole(statements []string) string {
	return `{"Version":"` + s.version + `","Statement":[` + strings.Join(statements, ",") + `]}`
}

// ask reads "alice kms:Encrypt on=@key2 ctx={…} enc={…}".
func (s *setup) ask(text string) (slowQuestion, error) {
	fields := strings.Split(named(text), " ")
	q := slowQuestion{kind: s.kind, ids: ids}
	who, ok := people[fields[0]]
	if !ok || len(fields) < 2 {
		return q, fmt.Errorf("nobody asks in %q", text)
	}
	q.Owner, q.Grants = s.owner, s.grants
	q.Principal, q.Action, q.Resource = who, fields[1], key
	for _, f := range fields[2:] {
		name, value, _ := strings.Cut(f, "=")
		var err error
		switch name {
		case "on":
			q.Resource = value
		case "ctx":
			q.Context, err = contextOf(value)
		case "enc":
			err = json.Unmarshal([]byte(value), &q.EncryptionContext)
		default:
			err = fmt.Errorf("no field %q", name)
		}
		if err != nil {
			return q, err
		}
	}
	if q.resource = s.document; q.resource == "" && s.resources != nil {
		q.resource = s.whole(s.resources)
	}
	for _, name := range s.identity {
		q.identity = append(q.identity, s.whole(s.bearers[name]))
	}
	return q, q.parse(s.identity)
}

// parse fills in the policies of the question.
func (q *slowQuestion) parse(names []string) error {
	if q.resource != "" {
		p, err := policy.Parse(q.kind, q.resource)
		if err != nil {
			return err
		}
		q.ResourcePolicy = p.Bind(q.ids)
	}
	q.Identity = nil
	for i, document := range q.identity {
		p, err := policy.Parse(policy.IdentityPolicy, document)
		if err != nil {
			return err
		}
		q.Identity = append(q.Identity, policy.Named{Name: names[i], Policy: p})
	}
	return nil
}

// spelled is a verdict as the files have it: the basis, and the grant, policy and statement if there are any.
func spelled(v policy.Verdict) string {
	out := v.Basis.String()
	for _, part := range []string{v.GrantID, v.Policy} {
		if part != "" {
			out += " " + part
		}
	}
	if v.Statement > 0 {
		out += fmt.Sprint(" ", v.Statement)
	}
	return out
}

func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no decisions", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runDecisions(t, file) })
	}
}

// decisions reads one file.
type decisions struct {
	*testing.T
	setup *setup
	title string
	out   []string
}

func runDecisions(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := &decisions{T: t, setup: newSetup()}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		d.out = append(d.out, line)
		switch text := strings.TrimSpace(line); {
		case text == "" || strings.HasPrefix(text, "#"):
		case strings.HasPrefix(text, "setup: "):
			d.setup, d.title = newSetup(), strings.TrimPrefix(text, "setup: ")
		case strings.HasPrefix(text, "when: "):
			d.when(i+1, strings.TrimPrefix(text, "when: "))
		case strings.HasPrefix(text, "case: "):
			reason := ""
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "      ") {
				i++
				reason = strings.TrimSpace(lines[i])
			}
			d.out = append(d.out, "      "+d.decision(i, strings.TrimPrefix(text, "case: "), reason))
		default:
			if ok, err := d.setup.line(text); !ok || err != nil {
				t.Fatalf("%s:%d: %q is no line of a setup: %v", file, i+1, text, err)
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(d.out, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// decision runs "name | question | verdict" and gives the reason.
func (d *decisions) decision(line int, text, reason string) (got string) {
	fields := strings.Split(text, " | ")
	if len(fields) != 3 {
		d.Fatalf("line %d: %q is not name | question | verdict", line, text)
	}
	d.Run(d.title+"/"+fields[0], func(t *testing.T) {
		q, err := d.setup.ask(fields[1])
		if err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		v := policy.Decide(q.Question)
		if spelled(v) != fields[2] {
			t.Errorf("line %d: verdict is %s, want %s (%s)", line, spelled(v), fields[2], v.Reason)
		}
		if got = v.Reason; got != reason && !*update {
			t.Errorf("line %d: reason is\n%s, want\n%s", line, got, reason)
		}
		checkConsistent(t, q, v)
	})
	return got
}

// checkConsistent compares a verdict with the obvious evaluator, with itself and with what Explain says.
func checkConsistent(t *testing.T, q slowQuestion, v policy.Verdict) {
	t.Helper()
	if want := slowDecide(q); v.Basis != want {
		t.Errorf("basis is %v, and %v by the definition (%s)", v.Basis, want, v.Reason)
	}
	if allowed := v.Basis >= policy.ByKeyPolicy && v.Basis <= policy.ByRoot; v.Allowed != allowed || v.Reason == "" {
		t.Errorf("contradiction: %+v", v)
	}
	found := v.Statement == 0
	for _, trace := range policy.Explain(q.Question) {
		if trace.Policy == v.Policy && trace.Statement == v.Statement && trace.Sid == v.Sid && trace.GrantID == "" {
			found = found || trace.Applies
		}
		if trace.Applies && trace.Effect == policy.Deny && v.Basis != policy.DeniedByKeyPolicy && v.Basis != policy.DeniedByIdentity {
			t.Errorf("the verdict is %+v although %+v", v, trace)
		}
	}
	if !found {
		t.Errorf("Explain does not have what decided: %+v", v)
	}
}

// when runs "name | context | yes, no or unsure" for the condition of the setup: in an Allow beside nothing, and in a
// Deny beside an Allow of everything.
func (d *decisions) when(line int, text string) {
	fields := strings.Split(text, " | ")
	if len(fields) != 3 {
		d.Fatalf("line %d: %q is not name | context | answer", line, text)
	}
	want := map[string][2]string{
		"yes": {"ByKeyPolicy 1", "DeniedByKeyPolicy 2"}, "no": {"ByNothing", "ByKeyPolicy 1"}, "unsure": {"ByNothing", "DeniedByKeyPolicy 2"},
	}[fields[2]]
	body := `"Principal":"*","Action":"kms:*","Resource":"*"`
	allow := `{"Effect":"Allow",` + body
	setups := [2][]string{
		{allow + `,"Condition":` + d.setup.condition + "}"},
		{allow + "}", `{"Effect":"Deny",` + body + `,"Condition":` + d.setup.condition + "}"},
	}
	for i, statements := range setups {
		d.Run(fmt.Sprint(d.title, "/", d.setup.condition, "/", fields[0], "/", [2]string{"Allow", "Deny"}[i]), func(t *testing.T) {
			s := *d.setup
			s.resources = statements
			q, err := s.ask("alice kms:Encrypt")
			if err == nil {
				q.Context, err = contextOf(named(fields[1]))
			}
			if err != nil {
				t.Fatalf("line %d: %v", line, err)
			}
			v := policy.Decide(q.Question)
			if spelled(v) != want[i] {
				t.Errorf("line %d: verdict is %s, want %s (%s)", line, spelled(v), want[i], v.Reason)
			}
			checkConsistent(t, q, v)
		})
	}
}
