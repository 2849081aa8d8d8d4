package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

// TestARecordThatIsTooLongHasDigestsOfTheLargestMembers follows one request that was done and one that was refused.
func TestARecordThatIsTooLongHasDigestsOfTheLargestMembers(t *testing.T) {
	description := strings.Repeat("<é>", 4000)
	for _, c := range []struct {
		name string
		code string
		most int
		unit string // of a list
		long int    // its elements
		want map[string]bool
	}{
		{"done and not long", "", audit.MaxDone, "x", 10_000, map[string]bool{}},
		{"done", "", audit.MaxDone, "x", 200_000, map[string]bool{"tags": true}},
		{"refused: one is enough", "AccessDeniedException", audit.MaxRefused, `"`, 4000, map[string]bool{"description": true}},
		{"refused: both", "AccessDeniedException", audit.MaxRefused, `"`, 8000, map[string]bool{"description": true, "tags": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := decryptEvent()
			e.ErrorCode = c.code
			tags := []any{strings.Repeat(c.unit, c.long)}
			e.RequestParameters = map[string]any{"keyId": "6f0c5d1e", "description": description, "tags": tags}
			record, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if len(record) > c.most {
				t.Errorf("the record has %d bytes", len(record))
			}
			var back struct {
				RequestParameters map[string]any `json:"requestParameters"`
			}
			if err := json.Unmarshal(record, &back); err != nil {
				t.Fatal(err)
			}
			for name, value := range back.RequestParameters {
				if audit.IsOmitted(value) != c.want[name] {
					t.Errorf("%s is %.100v", name, value)
				}
			}
			if whole := `"` + description + `"`; c.want["description"] {
				digest := sha256.Sum256([]byte(whole))
				want := map[string]any{"omitted": true, "bytes": float64(len(whole)), "sha256": hex.EncodeToString(digest[:])}
				if got := back.RequestParameters["description"]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("description is %v, want %v", got, want)
				}
			}
			if e.RequestParameters["description"] != description {
				t.Error("the event itself was changed")
			}
		})
	}
}

func TestWhatIsOmittedCannotBeForged(t *testing.T) {
	forged := map[string]any{"omitted": "true", "bytes": "7", "sha256": "00"} // as an encryption context has it
	for _, member := range []any{forged, nil, "omitted", []any{true}, map[string]any{}} {
		if audit.IsOmitted(member) {
			t.Errorf("%v passes for a member that was omitted", member)
		}
	}
}
