package ops_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// members is a request as its JSON.
type members map[string]any

// broken is a value that breaks constraints, and how that is worded.
type broken struct {
	value any
	want  []string
}

// needed tells whether a request must have the member.
func (m awsMember) needed() bool { return m.must || m.note == "must" }

func violates(shown, path, constraint string) string {
	if shown != "" {
		shown = " " + shown
	}
	return "Value" + shown + " at '" + path + "' failed to satisfy constraint: " + constraint
}

func detected(violations []string) string {
	plural := ""
	if len(violations) > 1 {
		plural = "s"
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(violations), plural, strings.Join(violations, "; "))
}

// TestEveryConstraintOfTheTableIsHeld breaks every constraint of every member, one at a time, and compares the whole text.
func TestEveryConstraintOfTheTableIsHeld(t *testing.T) {
	table := theAWSTable(t)
	tried := 0
	for name, d := range awsRows() {
		row := table.operations[name]
		valid := members{}
		for _, m := range row.in {
			if m.needed() || m.note == "pair" {
				valid[m.name] = table.sample(m.awsKind)
			}
		}
		if got := validated(t, d, valid); got != "" {
			t.Fatalf("%s: a valid request is answered %s", name, got)
		}
		for _, m := range row.in {
			for _, c := range table.breaks(m, lowerFirst(m.name)) {
				tried++
				request := maps.Clone(valid)
				request[m.name] = c.value
				if c.value == nil {
					delete(request, m.name)
				}
				if got, want := validated(t, d, request), sortedSets(detected(c.want)); got != want {
					t.Errorf("%s.%s:\ngot  %.600s\nwant %.600s", name, m.name, got, want)
				}
			}
		}
	}
	if tried < 400 {
		t.Errorf("%d constraints were tried", tried)
	}
}

// TestAllThatIsMissingIsNamedAtOnce leaves out every required member, in the order of the reference.
func TestAllThatIsMissingIsNamedAtOnce(t *testing.T) {
	for name, d := range awsRows() {
		var want []string
		for _, m := range theAWSTable(t).operations[name].in {
			if m.needed() {
				want = append(want, violates(null(m.awsKind), lowerFirst(m.name), "Member must not be null"))
			}
		}
		if got := validated(t, d, members{}); len(want) > 0 && got != detected(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, detected(want))
		}
	}
}

// validated is what a request is answered by the members' own validation; "" for a valid one.
func validated(t *testing.T, d kms.Description, request members) string {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	in := d.NewInput()
	if err := api.Decode(body, in, api.RefuseUnknown); err != nil {
		t.Fatalf("%s %.200s: %v", d.Name, body, err)
	}
	err = in.Validate()
	var e *api.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e) || e.Name != api.ValidationException:
		t.Fatalf("%s: %v", d.Name, err)
	}
	return sortedSets(e.Message)
}

var enumSet = regexp.MustCompile(`enum value set: \[[^\]]*\]`)

// sortedSets puts the values of enums in order, for AWS's own order changes.
func sortedSets(message string) string {
	return enumSet.ReplaceAllStringFunc(message, func(set string) string {
		values := strings.Split(set[len("enum value set: ["):len(set)-1], ", ")
		slices.Sort(values)
		return "enum value set: [" + strings.Join(values, ", ") + "]"
	})
}

// sample is a valid value.
func (a *awsTable) sample(k awsKind) any {
	switch k.kind {
	case "text":
		return k.text(max(k.min, 1))
	case "blob", "secret":
		return make([]byte, max(k.min, 1))
	case "int":
		return k.min
	case "bool":
		return true
	case "texts":
		return map[string]string{"a": "b"}
	case "list":
		return []any{a.sample(*k.element)}
	}
	if values := a.enums[k.kind]; values != nil {
		return values[0]
	}
	value := members{}
	for _, m := range a.structures[k.kind] {
		if m.must {
			value[m.name] = a.sample(m.awsKind)
		}
	}
	return value
}

// text is of the pattern, and of a length if the pattern has texts so short.
func (k awsKind) text(length int) string {
	for _, beginning := range []string{"", "a.b.c", "arn:aws:s3::123456789012:"} {
		text := beginning + strings.Repeat("a", max(0, length-len(beginning)))
		if k.matches(text) && len(text) >= length {
			return text
		}
	}
	return strings.Repeat("a", length)
}

// breaks are values that break the constraints of a member, from none to far too much.
func (a *awsTable) breaks(m awsMember, path string) (list []broken) {
	if m.needed() || m.note == "pair" {
		list = append(list, broken{nil, []string{violates(null(m.awsKind), path, "Member must not be null")}})
	}
	return append(list, a.breaksOf(m.awsKind, path)...)
}

func null(k awsKind) string {
	if k.kind == "secret" {
		return ""
	}
	return "null"
}

func (a *awsTable) breaksOf(k awsKind, path string) (list []broken) {
	switch k.kind {
	case "text":
		for _, value := range k.badTexts() {
			var wants []string
			for _, constraint := range k.brokenBy(value) {
				wants = append(wants, violates(k.shown(value), path, constraint))
			}
			list = append(list, broken{value, wants})
		}
	case "blob", "secret":
		list = append(list, broken{make([]byte, k.max+1), []string{violates("", path, atMost(k.max))}},
			broken{[]byte{}, []string{violates("", path, atLeast(k.min))}})
	case "int":
		for _, n := range []int{k.min - 1, -1 << 31} {
			list = append(list, broken{n, []string{violates(fmt.Sprintf("'%d'", n), path,
				fmt.Sprintf("Member must have value greater than or equal to %d", k.min))}})
		}
		for _, n := range []int{k.max + 1, 1<<31 - 1} {
			list = append(list, broken{n, []string{violates(fmt.Sprintf("'%d'", n), path,
				fmt.Sprintf("Member must have value less than or equal to %d", k.max))}})
		}
	case "texts":
		list = k.badMaps(path)
	case "list":
		list = a.badLists(k, path)
	default:
		list = a.badStructures(k, path)
	}
	return list
}

func (k awsKind) badTexts() (values []string) {
	if k.bounded {
		values = append(values, k.text(k.max+1), strings.Repeat("\U0001F511", k.max/2+1)) // each two code units
	}
	if k.min > 0 {
		values = append(values, strings.Repeat("a", k.min-1))
	}
	if k.pattern != "" {
		values = append(values, strings.Repeat("€", max(k.min, 1)), k.text(max(k.min, 1))+"\u0100\n")
	}
	return slices.DeleteFunc(values, func(value string) bool { return len(k.brokenBy(value)) == 0 })
}

// brokenBy are the constraints that a text breaks: length, then pattern.
func (k awsKind) brokenBy(value string) (constraints []string) {
	length := 0
	for _, r := range value {
		length++
		if r > 0xFFFF {
			length++
		}
	}
	switch {
	case k.bounded && length < k.min:
		constraints = append(constraints, atLeast(k.min))
	case k.bounded && length > k.max:
		constraints = append(constraints, atMost(k.max))
	}
	if !k.matches(value) {
		constraints = append(constraints, "Member must satisfy regular expression pattern: "+k.pattern)
	}
	return constraints
}

// shown is a value in a message, of which Keyhold repeats 4,096 octets at most.
func (k awsKind) shown(value string) string {
	if k.hidden {
		return ""
	}
	if len(value) > 4096 {
		value = strings.ToValidUTF8(value[:4096], "") + "…"
	}
	return "'" + value + "'"
}

// badMaps of an encryption context: too large; for a grant's constraint, with too many pairs or too long a value.
func (k awsKind) badMaps(path string) (list []broken) {
	if !k.bounded {
		return []broken{{map[string]string{"a": strings.Repeat("b", 8192)}, []string{violates("", path, atMost(8192))}}}
	}
	many := map[string]string{}
	for i := range k.min + 1 {
		many[fmt.Sprint(i)] = ""
	}
	return []broken{{many, []string{violates("", path, atMost(k.min))}},
		{map[string]string{"a": strings.Repeat("b", k.max+1)}, []string{violates("", path, "Map value must satisfy constraint: ["+atMost(k.max)+"]")}}}
}

// badLists have too many elements, or one that is wrong; of scalars the whole list is shown, of structures the member.
func (a *awsTable) badLists(k awsKind, path string) (list []broken) {
	if k.bounded {
		list = append(list, broken{slices.Repeat([]any{a.sample(*k.element)}, k.max+1), []string{violates("", path, atMost(k.max))}})
	}
	element := *k.element
	if a.structures[element.kind] != nil {
		for _, c := range a.breaksOf(element, path+".2.member") {
			list = append(list, broken{[]any{a.sample(element), c.value}, c.want})
		}
		return list
	}
	bad, rule := "?", "Member must satisfy enum value set: ["+strings.Join(a.enums[element.kind], ", ")+"]"
	if element.kind == "text" {
		bad, rule = "", atMost(element.max)+", "+atLeast(element.min)
	}
	first, shown := a.sample(element), ""
	if !k.hidden {
		shown = fmt.Sprintf("'[%v, %s]'", first, bad)
	}
	return append(list, broken{[]any{first, bad}, []string{violates(shown, path, "Member must satisfy constraint: ["+rule+"]")}})
}

// badStructures break one member; a value that stands for a structure may be an enum's, too.
func (a *awsTable) badStructures(k awsKind, path string) (list []broken) {
	values := a.enums[k.kind]
	if printed := a.prints[k.kind]; printed != nil {
		values = printed
	}
	if values != nil {
		rule := "Member must satisfy enum value set: [" + strings.Join(values, ", ") + "]"
		for _, bad := range []string{"?", "", strings.ToLower(a.enums[k.kind][0]) + "x"} {
			list = append(list, broken{bad, []string{violates("'"+bad+"'", path, rule)}})
		}
		return list
	}
	for _, m := range a.structures[k.kind] {
		for _, c := range a.breaks(m, path+"."+lowerFirst(m.name)) {
			value, _ := a.sample(k).(members)
			value[m.name] = c.value
			if c.value == nil {
				delete(value, m.name)
			}
			list = append(list, broken{value, c.want})
		}
	}
	return list
}

func atLeast(n int) string {
	return fmt.Sprintf("Member must have length greater than or equal to %d", n)
}

func atMost(n int) string { return fmt.Sprintf("Member must have length less than or equal to %d", n) }

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
