package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// canonicalHead is the canonical request without the payload hash that ends it (IAM User Guide, "Create a canonical
// request"): method, path, query, headers and the list of headers, each with its newline.
func canonicalHead(method, target string, fields fields, signed []string) (string, *Error) {
	path, rawQuery, _ := strings.Cut(target, "?")
	if !isToken(method) {
		return "", errTarget("the method is not a token")
	}
	if !strings.HasPrefix(path, "/") {
		return "", errTarget("the target has no path")
	}
	query, err := canonicalQuery(rawQuery)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(method + "\n" + canonicalPath(path) + "\n" + query + "\n")
	for _, name := range signed {
		b.WriteString(name + ":" + fields.canonical(name) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n")
	return b.String(), nil
}

// target is the path and query as they go over the wire. A server has them as RequestURI; a request in absolute form
// (RFC 9112, section 3.2.2) and one yet to be sent have them in the URL.
func target(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.RequestURI, "/"):
		return r.RequestURI
	case r.URL == nil:
		return ""
	}
	return r.URL.RequestURI()
}

// canonicalPath removes dot segments (RFC 3986, section 5.2.4) and empty ones, then encodes the path, whose escapes are
// thereby encoded a second time: every service but S3 does so.
func canonicalPath(path string) string {
	var kept []string
	open := false // the path ends in a slash
	for segment := range strings.SplitSeq(path[1:], "/") {
		open = segment == "" || segment == "." || segment == ".."
		switch {
		case !open:
			kept = append(kept, uriEncode(segment))
		case segment == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		}
	}
	if open && len(kept) > 0 {
		kept = append(kept, "")
	}
	return "/" + strings.Join(kept, "/")
}

type queryParameter struct{ name, value string }

// parseQuery decodes a query. A plus sign is a space, as for every handler that reads the query, so that two queries of
// one meaning have one signature and two of different meaning have not.
func parseQuery(raw string) ([]queryParameter, *Error) {
	var parameters []queryParameter
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decodedName, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errTarget("malformed escape in the query")
		}
		decodedValue, err := url.QueryUnescape(value)
		if err != nil {
			return nil, errTarget("malformed escape in the query")
		}
		parameters = append(parameters, queryParameter{decodedName, decodedValue})
	}
	return parameters, nil
}

// canonicalQuery sorts by encoded name, then by encoded value.
func canonicalQuery(raw string) (string, *Error) {
	parameters, err := parseQuery(raw)
	if err != nil {
		return "", err
	}
	for i, p := range parameters {
		parameters[i] = queryParameter{uriEncode(p.name), uriEncode(p.value)}
	}
	slices.SortFunc(parameters, func(a, b queryParameter) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	pairs := make([]string, len(parameters))
	for i, p := range parameters {
		pairs[i] = p.name + "=" + p.value
	}
	return strings.Join(pairs, "&"), nil
}

// uriEncode escapes all but the unreserved characters (RFC 3986, section 2.3), with upper-case digits.
func uriEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlphanumeric(c) || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// collapse trims a header value and makes each run of spaces one.
func collapse(value string) string {
	value = strings.Trim(value, " ")
	if !strings.Contains(value, "  ") {
		return value
	}
	return strings.Join(slices.DeleteFunc(strings.Split(value, " "), func(s string) bool { return s == "" }), " ")
}
