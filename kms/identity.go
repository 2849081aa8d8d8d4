package kms

import (
	"time"

	"github.com/keyhold/keyhold/kms/audit"
)

// eventSources are the sources of the events of each API.
var eventSources = map[API]string{KMS: audit.SourceKMS, STS: audit.SourceSTS, Keyhold: audit.SourceKeyhold}

// tellsAnswer tells whether the record shows the answer: of mutations, and of who got credentials, which later records
// name by their id.
func (c *Call) tellsAnswer() bool { return c.effect == Mutate || c.api == STS && c.effect == Use }

// identity is CloudTrail's userIdentity (CloudTrail User Guide, "CloudTrail userIdentity element"). Of an access key only
// the id is told.
func (c *Call) identity() audit.Identity {
	id := audit.Identity{
		Type: "IAMUser", PrincipalID: c.caller.PrincipalID, ARN: c.caller.ARN, AccountID: string(c.caller.Account),
		AccessKeyID: string(c.caller.AccessKeyID),
	}
	switch {
	case c.caller.Root:
		id.Type = "Root"
	case c.caller.Session != nil:
		id.Type, id.SessionContext = "AssumedRole", c.sessionContext(*c.caller.Session)
	case c.who != nil:
		id.UserName = c.who.row.Name
	}
	return id
}

func (c *Call) sessionContext(s Session) *audit.SessionContext {
	issuer := audit.SessionIssuer{Type: "Role", PrincipalID: string(s.Role), AccountID: string(c.caller.Account)}
	if c.who != nil {
		issuer.ARN, issuer.UserName = c.who.arn, c.who.row.Name
	}
	return &audit.SessionContext{SessionIssuer: issuer, Attributes: audit.SessionAttributes{
		CreationDate: s.IssuedAt.Time().Format(time.RFC3339), MFAAuthenticated: "false",
	}}
}
