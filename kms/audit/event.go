package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// EventType says whether somebody asked or the service acted by itself.
type EventType string

// The event types.
const (
	APICall      EventType = "AwsApiCall"
	ServiceEvent EventType = "AwsServiceEvent"
)

// Event is one record, in the shape of AWS CloudTrail's (CloudTrail User Guide, "CloudTrail record contents", version
// 1.11). It never holds a plaintext, a ciphertext, key material or a grant token: who fills it sees to that.
//
// The members that are the same in every record (eventVersion, managementEvent, eventCategory) are written by Encode. Strings that are no UTF-8 are written with U+FFFD in place of each bad octet.
type Event struct {
	UserIdentity       Identity
	Time               time.Time // eventTime, in whole seconds, and eventTimeMicros: microseconds since 1970, our own
	Source             string    // eventSource; "" is SourceKMS
	Name               string    // eventName: the operation
	Region             string
	SourceIPAddress    string
	UserAgent          string
	ErrorCode          string // short name of the exception; "" on success
	ErrorMessage       string
	RequestParameters  map[string]any // nil is written as null
	ResponseElements   map[string]any // nil is written as null: cryptography and reads
	AdditionalData     map[string]any // additionalEventData; left out when nil
	RequestID          string
	ID                 string // UUID: it makes draining idempotent, so it never changes for one event
	ReadOnly           bool   // true for cryptography and reads
	Resources          []Resource
	Type               EventType
	RecipientAccountID string
	ServiceDetails     map[string]any // serviceEventDetails; left out when nil
}

// The sources of events: the API that an operation belongs to.
const (
	SourceKMS     = "kms.amazonaws.com"
	SourceSTS     = "sts.amazonaws.com"
	SourceKeyhold = "keyhold" // its own verbs, of which AWS has none
)

// Identity is who asked. For the service itself only AccountID and InvokedBy are set.
type Identity struct {
	Type        string `json:"type,omitempty"` // Root, IAMUser, AssumedRole, AWSAccount
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	UserName    string `json:"userName,omitempty"`
	InvokedBy   string `json:"invokedBy,omitempty"`
	// SessionContext is of an AssumedRole.
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
}

// SessionContext tells of which role a session is, and since when (CloudTrail User Guide, "CloudTrail userIdentity
// element").
type SessionContext struct {
	SessionIssuer SessionIssuer     `json:"sessionIssuer"`
	Attributes    SessionAttributes `json:"attributes"`
}

// SessionIssuer is the role. ARN and UserName, its name, are empty when the role was not found any more.
type SessionIssuer struct {
	Type        string `json:"type"` // Role
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName,omitempty"`
}

// SessionAttributes are CloudTrail's, as text.
type SessionAttributes struct {
	CreationDate     string `json:"creationDate"` // in whole seconds, UTC
	MFAAuthenticated string `json:"mfaAuthenticated"`
}

// Resource is a key (AWS::KMS::Key) or alias (AWS::KMS::Alias) that the event is about.
type Resource struct {
	AccountID string `json:"accountId,omitempty"`
	Type      string `json:"type"`
	ARN       string `json:"ARN"`
}

// wire is the record. The order of its members is part of the format.
type wire struct {
	EventVersion        string         `json:"eventVersion"`
	UserIdentity        Identity       `json:"userIdentity"`
	EventTime           string         `json:"eventTime"`
	EventTimeMicros     int64          `json:"eventTimeMicros"`
	EventSource         string         `json:"eventSource"`
	EventName           string         `json:"eventName"`
	AWSRegion           string         `json:"awsRegion"`
	SourceIPAddress     string         `json:"sourceIPAddress"`
	UserAgent           string         `json:"userAgent"`
	ErrorCode           string         `json:"errorCode,omitempty"`
	ErrorMessage        string         `json:"errorMessage,omitempty"`
	RequestParameters   map[string]any `json:"requestParameters"`
	ResponseElements    map[string]any `json:"responseElements"`
	AdditionalEventData map[string]any `json:"additionalEventData,omitzero"`
	RequestID           string         `json:"requestID"`
	EventID             string         `json:"eventID"`
	ReadOnly            bool           `json:"readOnly"`
	Resources           []Resource     `json:"resources"`
	EventType           EventType      `json:"eventType"`
	ManagementEvent     bool           `json:"managementEvent"`
	RecipientAccountID  string         `json:"recipientAccountId"`
	ServiceEventDetails map[string]any `json:"serviceEventDetails,omitzero"`
	EventCategory       string         `json:"eventCategory"`
}

// Encode writes the event as one line of JSON without its line feed: members in a fixed order, those of maps sorted,
// nothing escaped for HTML. Of a record longer than MaxDone, or MaxRefused where there is an error code, the largest
// members of request and answer are omitted, see IsOmitted, until it fits. It refuses an event without time, name, id or
// type, one whose maps hold what JSON cannot say, and one longer than MaxRecord all the same.
func (e Event) Encode() ([]byte, error) {
	record, err := e.encode()
	if err != nil {
		return nil, fmt.Errorf("encode the audit event %q: %w", e.ID, err)
	}
	return record, nil
}

func (e Event) encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	record, err := encodeJSON(e.wire())
	if err != nil {
		return nil, err
	}
	if excess := len(record) - e.most(); excess > 0 {
		if e, err = e.omitting(excess); err != nil {
			return nil, err
		}
		if record, err = encodeJSON(e.wire()); err != nil {
			return nil, err
		}
	}
	return record, checkRecord(record)
}

func (e Event) check() error {
	switch {
	case e.ID == "" || e.Name == "":
		return errors.New("it has no id or no name")
	case e.Type != APICall && e.Type != ServiceEvent:
		return fmt.Errorf("%q is no event type", e.Type)
	case e.Time.IsZero() || e.Time.UTC().Year() < 1970 || e.Time.UTC().Year() > 9999:
		return fmt.Errorf("%v is no time of an event", e.Time)
	default:
		return nil
	}
}

func (e Event) wire() wire {
	w := wire{
		EventVersion: "1.11", EventSource: cmp.Or(e.Source, SourceKMS), ManagementEvent: true, EventCategory: "Management",
		UserIdentity: e.UserIdentity, EventTime: e.Time.UTC().Format("2006-01-02T15:04:05Z"),
		EventTimeMicros: e.Time.UnixMicro(), EventName: e.Name, AWSRegion: e.Region,
		SourceIPAddress: e.SourceIPAddress, UserAgent: e.UserAgent, ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
		RequestParameters: e.RequestParameters, ResponseElements: e.ResponseElements,
		AdditionalEventData: e.AdditionalData, RequestID: e.RequestID, EventID: e.ID, ReadOnly: e.ReadOnly,
		Resources: e.Resources, EventType: e.Type, RecipientAccountID: e.RecipientAccountID,
		ServiceEventDetails: e.ServiceDetails,
	}
	if w.Resources == nil {
		w.Resources = []Resource{} // CloudTrail's empty list, not null
	}
	return w
}

// checkRecord tells why something cannot be a record: what is written must be one line that every JSON reader takes.
func checkRecord(record []byte) error {
	switch {
	case len(record) > MaxRecord:
		return fmt.Errorf("the record has %d bytes, more than %d", len(record), MaxRecord)
	case !utf8.Valid(record):
		return errors.New("the record is not UTF-8")
	case bytes.IndexByte(record, '\n') >= 0:
		return errors.New("the record has more than one line")
	case len(record) == 0 || record[0] != '{' || !json.Valid(record):
		return errors.New("the record is not a JSON object")
	default:
		return nil
	}
}
