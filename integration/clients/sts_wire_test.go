package clients

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// replies are the elements with text in the answers of AWS STS, by the root element, after the AWS STS API reference. What
// AWS has for session policies alone, PackedPolicySize, is not served.
var replies = map[string][]string{
	"AssumeRoleResponse": {
		"AssumeRoleResult/AssumedRoleUser/Arn", "AssumeRoleResult/AssumedRoleUser/AssumedRoleId", "AssumeRoleResult/Credentials/AccessKeyId",
		"AssumeRoleResult/Credentials/Expiration", "AssumeRoleResult/Credentials/SecretAccessKey", "AssumeRoleResult/Credentials/SessionToken",
		"ResponseMetadata/RequestId",
	},
	"GetCallerIdentityResponse": {
		"GetCallerIdentityResult/Account", "GetCallerIdentityResult/Arn", "GetCallerIdentityResult/UserId", "ResponseMetadata/RequestId",
	},
	"ErrorResponse": {"Error/Code", "Error/Message", "Error/Type", "RequestId"},
}

// checkReply holds one answer of AWS STS against the table, and answers what is wrong.
func checkReply(response *http.Response, body []byte) (wrong []string) {
	root, texts, err := leaves(body)
	want, known := replies[root.Local]
	if err != nil || !known || root.Space != "https://sts.amazonaws.com/doc/2011-06-15/" || (root.Local == "ErrorResponse") != (response.StatusCode >= 400) {
		return []string{fmt.Sprintf("with status %d comes %v, %v", response.StatusCode, root, err)}
	}
	if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
		wrong = append(wrong, fmt.Sprintf("%s has %v, want %v", root.Local, got, want))
	}
	if id := texts["ResponseMetadata/RequestId"] + texts["RequestId"]; id != response.Header.Get("X-Amzn-Requestid") {
		wrong = append(wrong, fmt.Sprintf("the request id is %s in the answer and %s in its header", id, response.Header.Get("X-Amzn-Requestid")))
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/xml" {
		wrong = append(wrong, fmt.Sprintf("content type %q", kind))
	}
	return wrong
}

// leaves are the texts in a document by their paths below the root.
func leaves(body []byte) (root xml.Name, texts map[string]string, err error) {
	texts = map[string]string{}
	var path []string
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, texts, nil
		}
		if err != nil {
			return root, texts, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if path = append(path, token.Name.Local); len(path) == 1 {
				root = token.Name
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 1 && len(bytes.TrimSpace(token)) > 0 {
				texts[strings.Join(path[1:], "/")] += string(token)
			}
		}
	}
}
