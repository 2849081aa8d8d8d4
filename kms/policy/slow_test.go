package policy_test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms/policy"
)

// The evaluator of this file says what a policy means in the most obvious way: over the maps of the standard decoder,
// with no compilation and no shortcuts. It is only meant for documents that Parse accepts.

// slowQuestion is a question with the documents themselves.
type slowQuestion struct {
	policy.Question
	kind     policy.Kind // of resource
	resource string      // the document; empty: there is none
	identity []string
	ids      map[string]string
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	subKey    = regexp.MustCompile(`(?is)^(kms:EncryptionContext|aws:(?:Principal|Request|Resource)Tag)[:/](.+)$`)
)

// answers are what a condition can be: both when it is ambiguous.
type answers struct{ yes, no bool }

func certain(b bool) answers { return answers{yes: b, no: !b} }

var either = answers{true, true}

func allOf(list []answers) answers {
	out := certain(true)
	for _, a := range list {
		out = answers{yes: out.yes && a.yes, no: out.no || a.no}
	}
	return out
}

func someOf(list []answers) answers {
	out := certain(false)
	for _, a := range list {
		out = answers{yes: out.yes || a.yes, no: out.no && a.no}
	}
	return out
}

func (a answers) not() answers { return answers{yes: a.no, no: a.yes} }

// slowDecide is the definition of Decide, rule by rule.
func slowDecide(q slowQuestion) policy.Basis {
	who := q.Principal
	if !accountID.MatchString(who.Account) {
		return policy.ByNothing
	}
	direct, delegated, denied := q.askResource()
	if denied {
		return policy.DeniedByKeyPolicy
	}
	identityAllows := false
	for _, document := range q.identity {
		for _, s := range statementsOf(document) {
			if q.applies(s, document) {
				if s["Effect"] == "Deny" {
					return policy.DeniedByIdentity
				}
				identityAllows = true
			}
		}
	}
	home := q.Owner == who.Account
	if q.resource == "" {
		switch {
		case q.Owner != "" && !home:
			return lacking(identityAllows, who)
		case who.Root:
			return policy.ByRoot
		case identityAllows:
			return policy.ByIdentityPolicy
		default:
			return policy.LacksIdentity
		}
	}
	if direct && (home || who.Root) || delegated && who.Root {
		return policy.ByKeyPolicy
	}
	if (direct || delegated) && identityAllows {
		return policy.ByIdentityPolicy
	}
	waiting := direct || delegated
	for _, g := range q.Grants {
		if !q.grantFits(g) {
			continue
		}
		if !g.ForAccount || who.Root || identityAllows {
			return policy.ByGrant
		}
		waiting = true
	}
	if waiting {
		return policy.LacksIdentity
	}
	return lacking(identityAllows, who)
}

func lacking(identityAllows bool, who policy.Principal) policy.Basis {
	if identityAllows || who.Root {
		return policy.LacksResource
	}
	return policy.ByNothing
}

func (q slowQuestion) grantFits(g policy.Grant) bool {
	for _, o := range g.Operations {
		if !strings.EqualFold("kms:"+o, q.Action) {
			continue
		}
		if strings.EqualFold(o, "DescribeKey") || strings.EqualFold(o, "RetireGrant") {
			return true
		}
		fits := g.Equals == nil || len(g.Equals) == len(q.EncryptionContext)
		for _, constraint := range []map[string]string{g.Equals, g.Subset} {
			for k, v := range constraint {
				got, ok := q.EncryptionContext[k]
				fits = fits && ok && got == v
			}
		}
		return fits
	}
	return false
}

func (q slowQuestion) askResource() (direct, delegated, denied bool) {
	if q.resource == "" {
		return
	}
	for _, s := range statementsOf(q.resource) {
		self, account := q.covered(s)
		if !self && !account || !q.applies(s, q.resource) {
			continue
		}
		denied = denied || s["Effect"] == "Deny"
		direct = direct || self
		delegated = delegated || account
	}
	return
}

// covered tells whether a statement names the caller itself, and whether it names its account.
func (q slowQuestion) covered(s map[string]any) (self, account bool) {
	element, not := s["Principal"], false
	if element == nil {
		element, not = s["NotPrincipal"], true
	}
	var names []string
	if element == "*" {
		names = []string{"*"}
	} else if aws := element.(map[string]any)["AWS"]; aws != nil {
		names = listOf(aws)
	}
	inAccount := false
	for _, n := range names {
		isRoot := n == q.Principal.Account || strings.HasPrefix(n, "arn:") && strings.HasSuffix(n, ":iam::"+q.Principal.Account+":root")
		id := q.ids[n]
		named := id != "" && (id == q.Principal.ID || id == strings.Split(q.Principal.ID, ":")[0])
		self = self || n == "*" || isRoot && q.Principal.Root || named
		inAccount = inAccount || isRoot
	}
	if !not {
		return self, inAccount
	}
	if s["Effect"] == "Allow" {
		return !self && !inAccount, false
	}
	return !self, false
}

func (q slowQuestion) applies(s map[string]any, document string) bool {
	variables := versionOf(document) == "2012-10-17"
	all := []answers{q.action(s), q.about(s, variables)}
	if block, ok := s["Condition"].(map[string]any); ok {
		for operator, keys := range block {
			for key, values := range keys.(map[string]any) {
				all = append(all, q.condition(operator, key, listOf(values), variables))
			}
		}
	}
	result := allOf(all)
	if s["Effect"] == "Deny" {
		return result.yes
	}
	return result.yes && !result.no
}

func (q slowQuestion) action(s map[string]any) answers {
	element, not := s["Action"], s["Action"] == nil
	if not {
		element = s["NotAction"]
	}
	for _, a := range listOf(element) {
		if slowMatch(slowPattern(strings.ToLower(a)), strings.ToLower(q.Action)) {
			return certain(!not)
		}
	}
	return certain(not)
}

func (q slowQuestion) about(s map[string]any, variables bool) answers {
	element, not := s["Resource"], s["Resource"] == nil
	if not {
		element = s["NotResource"]
	}
	if element == nil {
		return certain(true) // a trust policy
	}
	var list []answers
	for _, r := range listOf(element) {
		list = append(list, q.like(r, q.Resource, variables, true))
	}
	if not {
		return someOf(list).not()
	}
	return someOf(list)
}

// token is one character of a pattern, as itself or as a wildcard.
type token struct {
	text     string
	wildcard bool
}

func characters(s string) []string {
	var list []string
	for s != "" {
		_, size := utf8.DecodeRuneInString(s)
		list = append(list, s[:size])
		s = s[size:]
	}
	return list
}

func slowPattern(s string) []token {
	var list []token
	for _, c := range characters(s) {
		list = append(list, token{c, c == "*" || c == "?"})
	}
	return list
}

// slowMatch is the table of which beginnings of the pattern match which beginnings of the text.
func slowMatch(pattern []token, text string) bool {
	chars := characters(text)
	row := make([]bool, len(chars)+1)
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(chars)+1)
		for i := range next {
			switch {
			case p.wildcard && p.text == "*":
				next[i] = row[i] || i > 0 && next[i-1]
			case i > 0:
				next[i] = row[i-1] && (p.wildcard || p.text == chars[i-1])
			}
		}
		row = next
	}
	return row[len(chars)]
}

var variable = regexp.MustCompile(`\$\{([^,}]*)(,\s*'([^']*)'\s*)?\}`)

// tokens resolves the variables of a text; the answer is whether that could be done.
func (q slowQuestion) tokens(s string, variables, wild bool) ([]token, answers) {
	literal := func(s string) (list []token) {
		for _, c := range characters(s) {
			list = append(list, token{text: c})
		}
		return
	}
	glob := literal
	if wild {
		glob = slowPattern
	}
	if !variables {
		return glob(s), certain(true)
	}
	var list []token
	known, done := []answers{}, 0
	for _, m := range variable.FindAllStringSubmatchIndex(s, -1) {
		list = append(list, glob(s[done:m[0]])...)
		done = m[1]
		name := strings.TrimSpace(s[m[2]:m[3]])
		if m[4] < 0 && (name == "*" || name == "?" || name == "$") {
			list = append(list, token{text: name})
			continue
		}
		v := q.lookup(name)
		switch {
		case v.Ambiguous || len(v.List) > 1:
			known = append(known, either)
		case len(v.List) == 1 && utf8.ValidString(v.List[0]):
			list = append(list, literal(v.List[0])...)
		case len(v.List) == 0 && m[4] >= 0:
			list = append(list, literal(s[m[6]:m[7]])...)
		default:
			known = append(known, certain(false))
		}
	}
	return append(list, glob(s[done:])...), allOf(known)
}

func (q slowQuestion) like(want, got string, variables, wild bool) answers {
	pattern, known := q.tokens(want, variables, wild)
	if known != certain(true) {
		return known
	}
	return certain(slowMatch(pattern, got))
}

func (q slowQuestion) lookup(name string) policy.Values {
	if q.Context == nil {
		return policy.Values{}
	}
	v := q.Context.Lookup(keyOf(name))
	if !v.Present && !v.Ambiguous {
		v.List = nil
	}
	return v
}

// keyOf divides the name of a condition key.
func keyOf(name string) policy.ConditionKey {
	m := subKey.FindStringSubmatch(name)
	if m != nil && (strings.Contains(strings.ToLower(m[1]), "tag") == (name[len(m[1])] == '/')) {
		return policy.ConditionKey{Name: strings.ToLower(m[1]), Sub: m[2]}
	}
	return policy.ConditionKey{Name: strings.ToLower(name)}
}

func (q slowQuestion) condition(operator, key string, wanted []string, variables bool) answers {
	operator = strings.ToLower(operator)
	v := q.lookup(key)
	if v.Ambiguous {
		return either
	}
	if operator == "null" {
		for _, w := range wanted {
			if strings.EqualFold(w, strconv.FormatBool(len(v.List) == 0)) {
				return certain(true)
			}
		}
		return certain(false)
	}
	base := strings.TrimPrefix(strings.TrimPrefix(operator, "forallvalues:"), "foranyvalue:")
	if strings.HasSuffix(base, "ifexists") && !v.Present {
		return certain(true)
	}
	base = strings.TrimSuffix(base, "ifexists")
	negated := strings.Contains(base, "not")
	base = strings.Replace(base, "not", "", 1)
	var each []answers
	for _, got := range v.List {
		var matches []answers
		for _, w := range wanted {
			matches = append(matches, q.compare(base, got, w, variables))
		}
		if negated {
			each = append(each, someOf(matches).not())
		} else {
			each = append(each, someOf(matches))
		}
	}
	switch {
	case strings.HasPrefix(operator, "forallvalues:"):
		return allOf(each)
	case strings.HasPrefix(operator, "foranyvalue:"):
		return someOf(each)
	case len(each) == 0:
		return certain(negated)
	case allOf(each) == someOf(each):
		return allOf(each)
	default:
		return either
	}
}

// listOf is the list that an element stands for; numbers and booleans as written.
func listOf(v any) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, listOf(x)...)
		}
		return out
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case bool:
		return []string{strconv.FormatBool(v)}
	default:
		return nil
	}
}

func decodeDocument(document string) map[string]any {
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		panic(err)
	}
	return m
}

func versionOf(document string) string {
	v, _ := decodeDocument(document)["Version"].(string)
	return v
}

func statementsOf(document string) []map[string]any {
	s := decodeDocument(document)["Statement"]
	if one, ok := s.(map[string]any); ok {
		return []map[string]any{one}
	}
	var list []map[string]any
	for _, x := range s.([]any) {
		list = append(list, x.(map[string]any))
	}
	return list
}
