package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/keyspec"
)

const statesIntroduction = `# Key states

What every operation answers for a key in each state. The file is written from the table of operations by
` + "`go test ./kms/ops -update`" + `, and a test holds it against AWS's own table, "Key states of AWS KMS keys".

Keys of this version are Enabled, Disabled or PendingDeletion. The other states belong to keys with imported material
(PendingImport), keys in a custom key store (Unavailable) and multi-Region keys (Creating, Updating,
PendingReplicaDeletion).

`

// stateNames are what the rows of the matrix are called where the operation's name does not say enough.
var stateNames = map[string]string{
	"ReEncrypt":       "ReEncrypt, either key",
	"UpdateAlias/old": "UpdateAlias, the key so far",
	"UpdateAlias/new": "UpdateAlias, the new key",
}

// notes numbers the answers of a matrix in the order of their first appearance.
type notes []string

func (n *notes) number(note string) int {
	if i := slices.Index(*n, note); i >= 0 {
		return i + 1
	}
	*n = append(*n, note)
	return len(*n)
}

func TestTheDocumentOfKeyStatesIsCurrent(t *testing.T) {
	states := []keyspec.KeyState{
		keyspec.StateEnabled, keyspec.StateDisabled, keyspec.StatePendingDeletion, keyspec.StatePendingReplicaDeletion,
		keyspec.StatePendingImport, keyspec.StateUnavailable, keyspec.StateCreating, keyspec.StateUpdating,
	}
	if len(states) != len(keyspec.KeyStates.Values()) {
		t.Fatal("a key state has no column")
	}
	var doc strings.Builder
	doc.WriteString(statesIntroduction + "| Operation |")
	for _, s := range states {
		fmt.Fprintf(&doc, " %s |", s)
	}
	doc.WriteString("\n|---" + strings.Repeat("|:-:", len(states)) + "|\n")
	var answers notes
	for _, row := range stateRows() {
		name := row.name
		if stateNames[name] != "" {
			name = stateNames[name]
		}
		fmt.Fprintf(&doc, "| %s |", name)
		for _, s := range states {
			doc.WriteString(" " + stateCell(&answers, row, s) + " |")
		}
		doc.WriteString("\n")
	}
	doc.WriteString("\n\"yes\": the state is no obstacle. A number is the answer:\n\n")
	for i, note := range answers {
		fmt.Fprintf(&doc, "%d. %s\n", i+1, note)
	}
	doc.WriteString("\nAn operation that is not listed is about no key.\n")
	golden(t, "../../docs/states.md", doc.String())
}

func stateCell(answers *notes, row stateRow, state keyspec.KeyState) string {
	name, text := row.answer(state, "<key ARN>")
	if name == "" {
		return "yes"
	}
	return fmt.Sprint(answers.number(fmt.Sprintf("`%s`: `%s`", name, text)))
}
