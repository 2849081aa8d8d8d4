package httpapi

import (
	"net/http"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// jsonWire is AWS JSON 1.1 (Smithy 2.0, "AWS JSON 1.1 protocol").
type jsonWire struct{}

const jsonKind = "application/x-amz-json-1.1"

// targets are the prefixes of X-Amz-Target.
var targets = map[string]kms.API{"TrentService": kms.KMS, "Keyhold": kms.Keyhold}

func (jsonWire) read(r *http.Request, body []byte) call {
	target := r.Header.Get("X-Amz-Target")
	prefix, name, _ := strings.Cut(target, ".")
	service, known := targets[prefix]
	if !known {
		return call{name: target, service: kms.KMS}
	}
	return call{name: name, service: service, served: true, body: body}
}

func (w jsonWire) succeed(_ string, out any, id string) answer {
	a := answer{status: http.StatusOK, kind: jsonKind}
	if _, void := out.(*api.Void); void {
		return a
	}
	var err error
	if a.body, err = api.Encode(out); err != nil {
		return w.fail(api.Internal(), id)
	}
	return a
}

func (jsonWire) fail(err *api.Error, _ string) answer {
	return answer{status: err.Status(), kind: jsonKind, body: err.Body(), errorCode: err.Name}
}
