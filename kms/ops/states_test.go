package ops_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
)

// awsStates is the table "Key states of AWS KMS keys" of the AWS KMS developer guide, typed by hand for the operations
// that are served: yes, or the number of a note in awsNotes. Where recordings of AWS differ from the guide (a key that is
// pending deletion is an invalid state for cryptography, not a disabled key) the recordings are right. In
// the columns, a key pending import is of origin EXTERNAL, an unavailable one is in a custom key store.
var awsStates = []struct {
	operations string
	// Enabled, Disabled, pending deletion of both kinds, PendingImport, Unavailable, Creating, Updating
	cells string
}{
	{"CancelKeyDeletion", "4 4 yes 4 4 4 4"},
	{"CreateAlias", "yes yes 3 yes yes yes yes"},
	{"CreateGrant", "yes 1 3 5 yes 14 yes"},
	{"Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncrypt", "yes 1 3 5 11 14 yes"},
	{"DeleteAlias", "yes yes yes yes yes yes yes"},
	{"DescribeKey GetKeyPolicy ListAliases ListGrants ListKeyPolicies ListResourceTags PutKeyPolicy RetireGrant RevokeGrant", "yes yes yes yes yes yes yes"},
	{"DisableKey EnableKey", "yes yes 3 5 yes 14 15"},
	{"DisableKeyRotation EnableKeyRotation", "yes 1 3 6 7 14 yes"},
	{"GetKeyRotationStatus", "yes yes yes 6 7 yes yes"},
	{"ListKeyRotations", "yes yes yes yes 7 yes yes"},
	{"RotateKeyOnDemand", "yes 1 3 5 7 14 yes"},
	{"ScheduleKeyDeletion", "yes yes 3 yes yes yes 15"},
	{"TagResource UntagResource UpdateKeyDescription", "yes yes 3 yes yes yes yes"},
	{"UpdateAlias/old", "yes yes yes yes yes yes yes"},
	{"UpdateAlias/new", "yes yes 3 yes yes yes yes"},
	{"ExplainAccess WhoCan", "yes yes yes yes yes yes yes"}, // as DescribeKey: AWS has neither
	{"ResetKeyPolicy", "yes yes yes yes yes yes yes"},       // as PutKeyPolicy: AWS has none
	{"CreateKey GenerateRandom ListKeys ListRetirableGrants", ""},
}

var awsColumns = [][]keyspec.KeyState{
	{keyspec.StateEnabled}, {keyspec.StateDisabled}, {keyspec.StatePendingDeletion, keyspec.StatePendingReplicaDeletion},
	{keyspec.StatePendingImport}, {keyspec.StateUnavailable}, {keyspec.StateCreating}, {keyspec.StateUpdating},
}

// awsNotes are the guide's notes, with the texts of recordings. ARN stands for the key's. Note 7 has no known text.
var awsNotes = map[string]struct{ name, text string }{
	"yes": {},
	"1":   {"DisabledException", "ARN is disabled."},
	"3":   {"KMSInvalidStateException", "ARN is pending deletion."},
	"4":   {"KMSInvalidStateException", "ARN is not pending deletion."},
	"5":   {"KMSInvalidStateException", "ARN is pending import."},
	"6":   {"UnsupportedOperationException", "ARN origin is EXTERNAL which is not valid for this operation."},
	"7":   {"UnsupportedOperationException", ""},
	"11":  {"KMSInvalidStateException", "ARN is unavailable."},
	"14":  {"KMSInvalidStateException", "ARN is creating."},
	"15":  {"KMSInvalidStateException", "ARN is updating."},
}

// awsAnswer is what AWS answers, typed by hand.
func awsAnswer(t *testing.T, operation string, state keyspec.KeyState) (name, text string) {
	t.Helper()
	for _, row := range awsStates {
		if !slices.Contains(strings.Fields(row.operations), operation) {
			continue
		}
		for i, column := range awsColumns {
			if slices.Contains(column, state) {
				note, known := awsNotes[strings.Fields(row.cells)[i]]
				if !known {
					t.Fatalf("%s in %s: no such note", operation, state)
				}
				return note.name, note.text
			}
		}
	}
	t.Fatalf("awsStates does not say what %s answers in state %s", operation, state)
	return "", ""
}

// stateRow is a row of the matrix: an operation, or one of its keys where these have different rules.
type stateRow struct {
	kms.Description
	name string
	rule kms.StateRule
}

func stateRows() []stateRow {
	var rows []stateRow
	for _, r := range ops.Table() {
		d := r.Describe()
		switch {
		case len(d.States) == 1:
			rows = append(rows, stateRow{d, d.Name, d.States[0]})
		case d.Name == "UpdateAlias" && len(d.States) == 2:
			rows = append(rows, stateRow{d, "UpdateAlias/old", d.States[0]}, stateRow{d, "UpdateAlias/new", d.States[1]})
		}
	}
	return rows
}

// answer is what the row itself says of a key in a state, whose origin follows from the state: the origin is judged
// before the state.
func (r stateRow) answer(state keyspec.KeyState, arn string) (name, text string) {
	origin := keyspec.OriginKMS
	switch state {
	case keyspec.StatePendingImport:
		origin = keyspec.OriginExternal
	case keyspec.StateUnavailable:
		origin = keyspec.OriginCloudHSM
	}
	if len(r.Origins) > 0 && !slices.Contains(r.Origins, origin) {
		return errorOf(api.OriginInvalid(arn, origin))
	}
	return errorOf(r.rule.Refusal(state, arn))
}

func TestEveryOperationAnswersEveryKeyStateAsAWSDoes(t *testing.T) {
	rows := stateRows()
	for _, row := range rows {
		for _, state := range keyspec.KeyStates.Values() {
			name, text := row.answer(state, "ARN")
			wantName, wantText := awsAnswer(t, row.name, state)
			if name != wantName || wantText != "" && text != wantText {
				t.Errorf("%s in %s is %s %q, AWS says %s %q", row.name, state, name, text, wantName, wantText)
			}
		}
	}
	for _, row := range ops.Table() {
		d := row.Describe()
		listed := slices.ContainsFunc(rows, func(r stateRow) bool { return r.Name == d.Name })
		if keyless := len(d.States) == 0; listed == keyless {
			t.Errorf("%s has %d rules for states and is listed: %v", d.Name, len(d.States), listed)
		}
	}
	for _, hand := range awsStates {
		for operation := range strings.FieldsSeq(hand.operations) {
			known := slices.ContainsFunc(ops.Table(), func(r kms.Row) bool {
				return r.Describe().Name == strings.TrimSuffix(strings.TrimSuffix(operation, "/old"), "/new")
			})
			if !known {
				t.Errorf("awsStates lists %s, which is no operation", operation)
			}
		}
	}
}

// reachable are the states that a key can be brought into today, and how.
var reachable = []struct {
	state keyspec.KeyState
	by    string
}{
	{keyspec.StateEnabled, ""}, {keyspec.StateDisabled, "DisableKey"}, {keyspec.StatePendingDeletion, "ScheduleKeyDeletion"},
}

func TestRealKeysInEveryReachableStateAnswerAsAWSDoes(t *testing.T) {
	b := newBench(t)
	for _, row := range stateRows() {
		for _, r := range reachable {
			t.Run(row.name+" of a key that is "+string(r.state), func(t *testing.T) {
				for _, which := range roles(row.name) {
					s := b.newSubject(strings.ReplaceAll(row.name, "/", "-") + "-" + string(r.state) + "-" + which)
					key := s.key
					if which == "destination" {
						key = s.other
					}
					if r.by != "" {
						must[any](b, r.by, sample(t, r.by, subject{key: key}))
					}
					if row.name == "UpdateAlias/old" {
						s.key = s.other
					}
					_, err := try[any](b, row.Name, sample(t, row.Name, s))
					name, text := awsAnswer(t, row.name, r.state)
					if gotName, got := errorOf(err); gotName != name || got != strings.Replace(text, "ARN", keyARN(key), 1) {
						t.Errorf("the %s is answered with %q %q, want %q %q", which, gotName, got, name, text)
					}
				}
			})
		}
	}
}

func roles(row string) []string {
	if row == "ReEncrypt" {
		return []string{"source", "destination"}
	}
	return []string{"key"}
}
