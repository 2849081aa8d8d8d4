package client

import (
	"github.com/keyhold/keyhold/kms/api"
)

// wire is a protocol of AWS: how a request is written, and how its answer is read.
type wire struct {
	service  string // in the scope of signatures
	kind     string // Content-Type of requests
	targeted bool   // the operation stands in X-Amz-Target
	encode   func(operation string, in Input) ([]byte, error)
	decode   func(operation string, body []byte, out any) *failure
	fault    func(body []byte) errorBody
}

const (
	jsonKind   = "application/x-amz-json-1.1"
	formKind   = "application/x-www-form-urlencoded"
	stsService = "sts"
)

// jsonWire is AWS JSON 1.1 (Smithy 2.0, "AWS JSON 1.1 protocol"); queryWire is AWS's query protocol as STS speaks it (Smithy
// 2.0, "AWS query protocol"; AWS STS API reference, version 2011-06-15).
var (
	jsonWire = wire{service: "kms", kind: jsonKind, targeted: true, decode: decodeJSON, fault: faultJSON,
		encode: func(_ string, in Input) ([]byte, error) { return api.Encode(in) }}
	queryWire = wire{service: stsService, kind: formKind, encode: encodeForm, decode: decodeXML, fault: faultXML}
)
