package sigv4

import (
	"net/http"
	"strconv"
	"strings"
)

// fields are the header fields of a request by lower-case name, so that one spelt in two ways is found twice.
type fields map[string][]string

// newFields adds what net/http keeps outside the header: Host as the client sent it, with its port, and Content-Length.
func newFields(r *http.Request) fields {
	f := make(fields, len(r.Header)+2)
	for name, values := range r.Header {
		name = strings.ToLower(name)
		f[name] = append(f[name], values...)
	}
	f.addHost(r)
	if len(f["content-length"]) == 0 && r.ContentLength > 0 {
		f["content-length"] = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	return f
}

// addHost leaves a Host field beside the request's host only where they differ (HTTP/2 allows both), as a second value.
func (f fields) addHost(r *http.Request) {
	host := r.Host
	if host == "" && r.URL != nil {
		host = r.URL.Host
	}
	if host == "" {
		return
	}
	values := []string{host}
	for _, v := range f[hostHeader] {
		if v != host {
			values = append(values, v)
		}
	}
	f[hostHeader] = values
}

// canonical is the value that stands in the canonical request.
func (f fields) canonical(name string) string {
	values := f[name]
	if len(values) == 1 {
		return collapse(values[0])
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = collapse(v)
	}
	return strings.Join(trimmed, ",")
}

// checkSigned refuses a signed header that is absent, occurs twice or has a value of which clients make different
// canonical forms.
func (f fields) checkSigned(signed []string) *Error {
	for _, name := range signed {
		values := f[name]
		switch {
		case len(values) == 0:
			return errAbsent(name)
		case len(values) > 1:
			return errHeader(name, "occurs more than once in the HTTP request")
		case !isPlain(values[0]):
			return errHeader(name, "has a value that is not printable ASCII")
		}
	}
	return nil
}

// checkUnsigned refuses an X-Amz- header that is not signed: whoever is in between could add or change it, X-Amz-Target
// and X-Amz-Security-Token above all.
func (f fields) checkUnsigned(signed []string) *Error {
	names := make(map[string]bool, len(signed))
	for _, name := range signed {
		names[name] = true
	}
	if !names[hostHeader] {
		return errUnsigned(hostHeader)
	}
	missing := ""
	for name := range f {
		if strings.HasPrefix(name, amzPrefix) && !names[name] && (missing == "" || name < missing) {
			missing = name
		}
	}
	if missing != "" {
		return errUnsigned(missing)
	}
	if len(f[amzDateHeader]) == 0 && !names[dateHeader] {
		return errUnsigned(dateHeader)
	}
	return nil
}

// payloadHash is the value of X-Amz-Content-Sha256, or "". The unsigned and streamed payloads of S3 are refused.
func (f fields) payloadHash() (string, *Error) {
	values := f[amzHashHeader]
	if len(values) == 0 {
		return "", nil
	}
	if v := values[0]; len(v) == 64 && consistsOf(v, isLowerHex) {
		return v, nil
	}
	return "", errHeader(amzHashHeader, "is not a SHA-256 digest; unsigned and streamed payloads are not supported")
}
