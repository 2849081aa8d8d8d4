package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// queryWire is AWS's query protocol (Smithy 2.0, "AWS query protocol") as STS speaks it (AWS STS API reference, version
// 2011-06-15), in a POST with a form.
type queryWire struct{ rows map[string]kms.Row }

const (
	formKind       = "application/x-www-form-urlencoded"
	xmlKind        = "text/xml"
	queryVersion   = "2011-06-15"
	queryNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	// maxParameters is many times what any action of STS has.
	maxParameters = 1000
)

// read turns the form into the JSON of the operation's shape. A form that is malformed, or has too many parameters, makes no
// JSON at all.
func (w queryWire) read(_ *http.Request, body []byte) call {
	form, err := url.ParseQuery(string(body))
	c := call{name: form.Get("Action"), service: kms.STS}
	c.served = len(form["Action"]) == 1 && slices.Equal(form["Version"], []string{queryVersion})
	if row := w.rows[c.name]; c.served && err == nil && row != nil && bytes.Count(body, []byte("&")) < maxParameters {
		c.body = formJSON(form, row.Describe().NewInput())
	}
	return c
}

// formJSON keeps what decoding refuses for the decoder to refuse: a parameter twice, or a number that is none.
func formJSON(form url.Values, shape any) []byte {
	kinds := memberKinds(shape)
	lists := map[string][]string{}
	text := []byte("{")
	add := func(name, value string) {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(append(text, quoted(name)...), ':'), value...)
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		list, item, isList := strings.Cut(name, ".member.")
		for _, value := range form[name] {
			switch {
			case !utf8.ValidString(name + value):
				return nil
			case name == "Action" || name == "Version":
			case isList:
				lists[list] = append(lists[list], listItem(item, value))
			case kinds[name] == reflect.Int32 && isInteger(value):
				add(name, value)
			default:
				add(name, quoted(value))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		add(name, "["+strings.Join(lists[name], ",")+"]")
	}
	return append(text, '}')
}

// listItem is one of a list, as Tags.member.1.Key or TransitiveTagKeys.member.1. No list is served, and so it is enough
// that the shape finds something to refuse by the list's name.
func listItem(item, value string) string {
	if strings.Contains(item, ".") {
		return "{}"
	}
	return quoted(value)
}

// isInteger tells whether a parameter's text is a JSON integer of 32 bits too.
func isInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// memberKinds are the kinds of a shape's members by their names on the wire.
func memberKinds(shape any) map[string]reflect.Kind {
	kinds := map[string]reflect.Kind{}
	t := reflect.TypeOf(shape).Elem()
	for i := range t.NumField() {
		member := t.Field(i).Type
		if member.Kind() == reflect.Pointer {
			member = member.Elem()
		}
		kinds[wireName(t.Field(i))] = member.Kind()
	}
	return kinds
}

func wireName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// quoted is a JSON string.
func quoted(s string) string {
	text, _ := json.Marshal(s) // a string always has a form
	return string(text)
}

func (queryWire) succeed(operation string, out any, id string) answer {
	result := elementOf(operation+"Result", reflect.ValueOf(out))
	reply := element{name: operation + "Response", namespace: queryNamespace, children: []element{
		result, {name: "ResponseMetadata", children: []element{{name: "RequestId", text: id}}},
	}}
	return answer{status: http.StatusOK, kind: xmlKind, body: reply.encode()}
}

// queryError is how STS answers an error of KMS's table. An empty message leaves the one there is.
type queryError struct {
	code    string
	status  int
	message string
}

// queryErrors are the errors that STS spells in another way than KMS, or answers with another status (AWS STS API
// reference, "Common Errors" and the errors of AssumeRole). What the core cannot do at the moment is ServiceUnavailable.
var queryErrors = map[string]queryError{
	api.AccessDeniedException:               {code: "AccessDenied", status: http.StatusForbidden},
	api.UnrecognizedClientException:         {code: "InvalidClientTokenId", status: http.StatusForbidden},
	api.ExpiredTokenException:               {code: "ExpiredToken", status: http.StatusForbidden},
	api.InvalidSignatureException:           {code: "SignatureDoesNotMatch", status: http.StatusForbidden},
	api.IncompleteSignatureException:        {code: "IncompleteSignature", status: http.StatusBadRequest},
	api.MissingAuthenticationTokenException: {code: "MissingAuthenticationToken", status: http.StatusForbidden},
	api.ValidationException:                 {code: "ValidationError", status: http.StatusBadRequest},
	api.SerializationException:              {code: "MalformedInput", status: http.StatusBadRequest},
	api.ThrottlingException:                 {code: "Throttling", status: http.StatusBadRequest},
	api.RequestEntityTooLargeException:      {code: "RequestEntityTooLarge", status: http.StatusRequestEntityTooLarge},
	api.UnknownOperationException: {code: "InvalidAction", status: http.StatusBadRequest,
		message: "The action or operation requested is invalid. Verify that the action is typed correctly."},
	api.KMSInternalException:          {code: "InternalFailure", status: http.StatusInternalServerError},
	api.DependencyTimeoutException:    {code: "ServiceUnavailable", status: http.StatusServiceUnavailable},
	api.KeyUnavailableException:       {code: "ServiceUnavailable", status: http.StatusServiceUnavailable},
	api.UnsupportedOperationException: {code: "ValidationError", status: http.StatusBadRequest},
}

func (queryWire) fail(err *api.Error, id string) answer {
	e := queryError{code: err.Name, status: err.Status()}
	if known, ok := queryErrors[err.Name]; ok {
		e = known
	}
	if err.Message != "" {
		e.message = err.Message
	}
	fault := "Sender"
	if err.Fault() == api.FaultServer {
		fault = "Receiver"
	}
	reply := element{name: "ErrorResponse", namespace: queryNamespace, children: []element{
		{name: "Error", children: []element{{name: "Type", text: fault}, {name: "Code", text: e.code}, {name: "Message", text: e.message}}},
		{name: "RequestId", text: id},
	}}
	return answer{status: e.status, kind: xmlKind, body: reply.encode(), errorCode: e.code}
}
