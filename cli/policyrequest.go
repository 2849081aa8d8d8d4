package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/urfave/cli/v2"
)

// pastRequest is the part of an audit record that a decision can be explained by.
type pastRequest struct {
	UserIdentity    audit.Identity   `json:"userIdentity"`
	EventTime       string           `json:"eventTime"`
	EventSource     string           `json:"eventSource"`
	EventName       string           `json:"eventName"`
	SourceIPAddress string           `json:"sourceIPAddress"`
	UserAgent       string           `json:"userAgent"`
	ErrorCode       string           `json:"errorCode"`
	ErrorMessage    string           `json:"errorMessage"`
	RequestID       string           `json:"requestID"`
	EventID         string           `json:"eventID"`
	Resources       []audit.Resource `json:"resources"`
	Parameters      map[string]any   `json:"requestParameters"`
	Additional      struct {
		Authorization *pastDecision `json:"authorization"`
	} `json:"additionalEventData"`
}

// pastDecision is what the record says about who decided.
type pastDecision struct {
	Decision  string `json:"decision"`
	Action    string `json:"action"`
	Reason    string `json:"reason"`
	Policy    string `json:"policy"`
	Statement int32  `json:"statement"`
	Sid       string `json:"sid"`
	GrantID   string `json:"grantId"`
}

// explained is the answer to policy explain --request as JSON.
type explained struct {
	Record json.RawMessage `json:"record"`
	Now    json.RawMessage `json:"now,omitempty"` // the answer of ExplainAccess
	// NotNow is why there is no answer for now.
	NotNow string `json:"notNow,omitempty"`
}

func (p *program) explainRequest(c *cli.Context) error {
	return p.with(c, func(ctx context.Context, s *session) error {
		record, past, err := s.findRecord(ctx, c.String("request"))
		if err != nil {
			return err
		}
		now, err := s.explainAgain(ctx, past)
		why := ""
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			why = err.Error()
		}
		if wantsJSON(c) {
			return p.printExplained(record, now, why)
		}
		return p.table(func(t *table) {
			t.pastRequest(past)
			t.line("")
			if now == nil {
				t.fact("Now", "it cannot be asked again: "+why)
				return
			}
			t.line("If it were made now:")
			t.explanation(now)
		})
	})
}

func (p *program) printExplained(record []byte, now *api.ExplainAccessOutput, why string) error {
	answer := explained{Record: record, NotNow: why}
	if now != nil {
		text, err := api.Encode(now)
		if err != nil {
			return err
		}
		answer.Now = text
	}
	return p.printJSON(answer)
}

// errFound ends the reading of the audit log.
var errFound = errors.New("found")

// findRecord looks for a request in the audit log, by its request id or event id.
func (s *session) findRecord(ctx context.Context, id string) (record []byte, past pastRequest, err error) {
	quoted, err := json.Marshal(id)
	if err != nil {
		return nil, past, err
	}
	err = s.records(ctx, func(r []byte) error {
		if !bytes.Contains(r, quoted) {
			return nil
		}
		var found pastRequest
		if json.Unmarshal(r, &found) != nil || found.RequestID != id && found.EventID != id {
			return nil
		}
		record, past = bytes.Clone(r), found
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return record, past, nil
	case err != nil:
		return nil, past, err
	}
	return nil, past, advise(fmt.Errorf("the audit log has no request %s", printable(id)),
		"the id stands in the client's error, and in the log as requestID or eventID. Segments that were moved away are not searched")
}

// explainAgain asks what would be decided about a request now.
func (s *session) explainAgain(ctx context.Context, past pastRequest) (*api.ExplainAccessOutput, error) {
	in, err := past.question()
	if err != nil {
		return nil, err
	}
	return ask[api.ExplainAccessOutput](ctx, s, "ExplainAccess", in)
}

func (t *table) pastRequest(r pastRequest) {
	t.fact("Request", r.RequestID)
	t.fact("Event", r.EventID)
	t.fact("When", r.EventTime)
	t.fact("Who", or(r.UserIdentity.ARN, r.UserIdentity.PrincipalID))
	t.fact("Asked for", r.EventName)
	key, other := r.resource(r.action())
	for _, named := range []*string{key, other} {
		if named != nil {
			t.fact("Of", *named)
		}
	}
	t.fact("Context", contextFact(r.context(r.action())))
	t.fact("From", strings.TrimSpace(r.SourceIPAddress+" "+r.UserAgent))
	t.fact("Answer", strings.TrimSuffix(or(r.ErrorCode, "done")+": "+r.ErrorMessage, ": "))
	t.fact("Decided then", r.decidedThen())
}

func contextFact(pairs api.EncryptionContext) string {
	if len(pairs) == 0 {
		return ""
	}
	return contextText(pairs)
}

// decidedThen is what the record says about the decision. Requests that a policy let through say nothing about it.
func (r *pastRequest) decidedThen() string {
	a := r.Additional.Authorization
	if a == nil {
		return "it was let through by a policy, or failed before anybody was asked"
	}
	text := strings.ReplaceAll(a.Decision, "-", " ")
	if a.Policy != "" {
		text += ", identity policy " + a.Policy
	}
	text += statementName(a.Statement, a.Sid)
	if a.GrantID != "" {
		text += ", grant " + a.GrantID
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}
