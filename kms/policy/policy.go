// Package policy is the language of key policies: it parses a document, refuses what it would not evaluate, and
// decides requests with a reason. It is pure: no clock, no store, no network.
//
// The language is the part of AWS's key-policy grammar (AWS KMS Developer Guide, "Key policies in AWS KMS"; IAM User
// Guide, "Grammar of the IAM JSON policy language") made of Version, Id, Statement, Sid, Effect, Principal, Action
// and Resource. Members of that grammar which are not evaluated (Condition, NotPrincipal, NotAction, NotResource,
// principals other than AWS, policy variables) are refused when a document is parsed. A policy that was stored is
// therefore applied to the letter: a restriction is never kept for show.
package policy

import "fmt"

// MaxBytes is the greatest length of a document in octets of UTF-8 (AWS KMS quotas: 32 kilobytes). A caller that
// answers another error for length than for grammar compares it before Parse.
const MaxBytes = 32768

// Policy is a parsed document. It is immutable and safe for concurrent use. The zero value denies everything.
type Policy struct {
	statements []statement
}

// Effect is what a statement does to the requests that it matches.
type Effect int

// The effects. The zero Effect stands for no statement at all.
const (
	Allow Effect = iota + 1
	Deny
)

// String is the effect as documents spell it, or "none".
func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	default:
		return "none"
	}
}

// Error is a refusal of a document. Line and Column are where: both count from 1, columns in characters.
type Error struct {
	Line, Column int
	Message      string // a sentence without its full stop
}

// Error gives the place and the message.
func (e *Error) Error() string {
	return fmt.Sprintf("key policy, line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Parse reads a document. Every error is an *Error.
func Parse(document string) (*Policy, error) {
	root, err := readJSON(document)
	if err != nil {
		return nil, err
	}
	g := grammar{document: document}
	return g.policy(root)
}

// Default is the document that a key gets when none is given: it leaves every decision to the account. The text is
// AWS's own, to the octet (facts 5.3), because tools compare it. An empty partition means "aws".
func Default(partition, account string) string {
	if partition == "" {
		partition = "aws"
	}
	return fmt.Sprintf(defaultDocument, partition, account)
}

const defaultDocument = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:%s:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
