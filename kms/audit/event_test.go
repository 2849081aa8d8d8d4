package audit_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const account = "210987654321"

func decryptEvent() audit.Event {
	return audit.Event{
		UserIdentity: audit.Identity{
			Type: "IAMUser", PrincipalID: "AIDAEXAMPLE", ARN: "arn:aws:iam::210987654321:user/app", AccountID: account,
			AccessKeyID: "AKIAEXAMPLE", UserName: "app",
		},
		Time: time.Date(2026, 11, 20, 11, 15, 0, 123456789, time.FixedZone("CET", 3600)),
		Name: "Decrypt", Region: "eu-central-1", SourceIPAddress: "198.51.100.7", UserAgent: "aws-sdk-go-v2/1.47 <&>",
		RequestParameters: map[string]any{
			"encryptionAlgorithm": "SYMMETRIC_DEFAULT",
			"encryptionContext":   map[string]string{"eventID": "not this one", "a\nb": "\u2028 \xff <b>"},
		},
		AdditionalData: map[string]any{"keyMaterialId": "9c1e"},
		RequestID:      "0d3d6c1a-9f0e-4d9e-8a11-52b7f3a4c001",
		ID:             "5b1f8f3e-64c7-4f2f-9a4e-0f1c2d3e4f50",
		ReadOnly:       true,
		Resources: []audit.Resource{{
			AccountID: account, Type: "AWS::KMS::Key",
			ARN: "arn:aws:kms:eu-central-1:210987654321:key/6f0c5d1e-3a52-4a8e-9d5b-0c9f6f0a7b11",
		}},
		Type: audit.APICall, RecipientAccountID: account,
	}
}

func TestEventsAreWrittenAsCloudTrailWritesThem(t *testing.T) {
	failure := decryptEvent()
	failure.ErrorCode, failure.ErrorMessage = "IncorrectKeyException", "The key ID in the request does not identify a CMK."
	mutation := decryptEvent()
	mutation.Name, mutation.ReadOnly, mutation.AdditionalData = "ScheduleKeyDeletion", false, nil
	mutation.RequestParameters = map[string]any{"pendingWindowInDays": 14, "keyId": "6f0c5d1e"}
	mutation.ResponseElements = map[string]any{"keyState": "PendingDeletion", "keyId": "arn"}
	service := audit.Event{
		UserIdentity: audit.Identity{AccountID: account, InvokedBy: "AWS Internal"}, Time: time.Unix(0, 1000), Name: "RotateKey",
		Region: "eu-central-1", SourceIPAddress: "AWS Internal", UserAgent: "AWS Internal", ID: "id", Type: audit.ServiceEvent,
		RecipientAccountID: account, ServiceDetails: map[string]any{"rotationType": "AUTOMATIC", "keyId": "6f0c5d1e"},
	}
	for name, event := range map[string]audit.Event{
		"decrypt": decryptEvent(), "failure": failure, "mutation": mutation, "service": service,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := event.Encode()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "event-"+name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("record is\n%s\nwant\n%s", got, want)
			}
			var back map[string]any
			if err := json.Unmarshal(got, &back); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*audit.Event)
		want   string
	}{
		{"without id", func(e *audit.Event) { e.ID = "" }, "no id or no name"},
		{"without name", func(e *audit.Event) { e.Name = "" }, "no id or no name"},
		{"without type", func(e *audit.Event) { e.Type = "" }, "is no event type"},
		{"without time", func(e *audit.Event) { e.Time = time.Time{} }, "is no time of an event"},
		{"after the year 9999", func(e *audit.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "is no time of an event"},
		{"with a value that JSON does not have", func(e *audit.Event) { e.RequestParameters["x"] = math.NaN() }, "NaN"},
		{"with raw JSON that is not UTF-8", func(e *audit.Event) { e.RequestParameters["x"] = json.RawMessage("\"\xff\"") }, "not UTF-8"},
		{"too long", func(e *audit.Event) { e.ErrorMessage = strings.Repeat("x", audit.MaxRecord) }, "more than 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := decryptEvent()
			tt.change(&e)
			if record, err := e.Encode(); err == nil || record != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Encode gives %s, %v; want %q", record, err, tt.want)
			}
		})
	}
}
