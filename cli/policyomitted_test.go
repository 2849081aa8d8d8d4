package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/audit"
)

// A request of which the log has a digest is told of, and is not asked again with the digest for what it said.
func TestARequestThatWasTooLargeForTheLogIsNotAskedAgain(t *testing.T) {
	e := audit.Event{
		ID: "id", Name: "ReEncrypt", Type: audit.APICall, Time: time.Unix(1, 0), ErrorCode: "AccessDeniedException",
		UserIdentity: audit.Identity{Type: "IAMUser", PrincipalID: "AIDAEXAMPLE"},
		RequestParameters: map[string]any{
			"sourceEncryptionContext":      map[string]any{"a": strings.Repeat("s", 8000)},
			"destinationEncryptionContext": map[string]any{"a": strings.Repeat("d", 9000)},
		},
	}
	record, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var past pastRequest
	if err := json.Unmarshal(record, &past); err != nil {
		t.Fatal(err)
	}
	in, err := past.question()
	want := "the record has only a digest of destinationEncryptionContext, which was too large for it"
	if in != nil || err == nil || err.Error() != want {
		t.Errorf("the question is %v, %v; want %s", in, err, want)
	}
	if c := past.context("kms:ReEncryptTo"); c != nil {
		t.Errorf("the context that is shown is %v", c)
	}
	if c := past.context("kms:ReEncryptFrom"); len(c["a"]) != 8000 {
		t.Errorf("the context that fitted is %d characters long", len(c["a"]))
	}
}
