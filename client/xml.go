package client

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// maxDepth is more than twice what any answer of STS has.
const maxDepth = 16

// element is an XML element: text or children.
type element struct {
	name     string
	text     []byte
	children []element
}

// wipe wipes texts, which may be credentials.
func (e *element) wipe() {
	secret.Wipe(e.text)
	for i := range e.children {
		e.children[i].wipe()
	}
}

// child is the only child of a name; nil when there is none.
func (e *element) child(name string) (*element, error) {
	var found *element
	for i := range e.children {
		if e.children[i].name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("it has %s twice", name)
		}
		found = &e.children[i]
	}
	return found, nil
}

// parseXML reads a document of one root element without declarations, which an answer has no use for. Entities other than
// XML's own are refused by the decoder, and so are encodings other than UTF-8.
func parseXML(body []byte) (root element, err error) {
	defer func() {
		if err != nil {
			root.wipe()
			root = element{}
		}
	}()
	d := xml.NewDecoder(bytes.NewReader(body))
	for found := false; err == nil; {
		var token xml.Token
		if token, err = d.Token(); err != nil {
			if errors.Is(err, io.EOF) && found {
				return root, nil
			}
			return root, errors.New("it is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if found {
				return root, errors.New("there is something behind its root element")
			}
			root, err = readElement(d, token, maxDepth)
			found = true
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				err = errors.New("it has text outside its root element")
			}
		case xml.Directive:
			err = errors.New("it has a declaration of its own")
		}
	}
	return root, err
}

func readElement(d *xml.Decoder, start xml.StartElement, depth int) (element, error) {
	e := element{name: start.Name.Local}
	if depth == 0 {
		return e, errors.New("it is nested too deeply")
	}
	for {
		token, err := d.Token()
		if err != nil {
			return e, errors.New("it is not XML")
		}
		switch token := token.(type) {
		case xml.EndElement:
			return e, nil
		case xml.CharData:
			e.text = append(e.text, token...)
		case xml.StartElement:
			child, err := readElement(d, token, depth-1)
			e.children = append(e.children, child)
			if err != nil {
				return e, err
			}
		}
	}
}

// decodeXML reads the body of an answer of success. Every member that the shape has must be there: those of STS are all
// required.
func decodeXML(operation string, body []byte, out any) *failure {
	if len(body) == 0 {
		return unreadable("it is empty")
	}
	root, err := parseXML(body)
	defer root.wipe()
	if err == nil && root.name != operation+"Response" {
		err = fmt.Errorf("it is a %.64q, not a %sResponse", root.name, operation)
	}
	if _, void := out.(*api.Void); err == nil && !void {
		err = fillFrom(&root, operation+"Result", reflect.ValueOf(out).Elem())
	}
	if err != nil {
		empty(out)
		return unreadable(err.Error())
	}
	return nil
}

// fillFrom fills a value from the child of a name.
func fillFrom(parent *element, name string, v reflect.Value) error {
	e, err := parent.child(name)
	switch {
	case err != nil:
		return err
	case e == nil:
		return fmt.Errorf("it has no %s", name)
	case v.Type() == reflect.TypeFor[api.Time]():
		at, err := time.Parse(time.RFC3339, string(bytes.TrimSpace(e.text)))
		if err != nil || api.TimeOf(at) == 0 {
			return fmt.Errorf("its %s is not an instant", name)
		}
		v.SetInt(int64(api.TimeOf(at)))
	case v.Kind() == reflect.String:
		if len(e.children) > 0 || len(e.text) == 0 {
			return fmt.Errorf("its %s is not a text", name)
		}
		v.SetString(string(e.text))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if err := fillFrom(e, wireName(v.Type().Field(i)), v.Field(i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("its %s cannot be a %s", name, v.Type())
	}
	return nil
}

// queryNames are the names that KMS has for errors which STS spells in another way (AWS STS API reference, "Common Errors"
// and the errors of AssumeRole), so that callers have one name for one thing.
var queryNames = map[string]string{
	"AccessDenied":               api.AccessDeniedException,
	"InvalidClientTokenId":       api.UnrecognizedClientException,
	"ExpiredToken":               api.ExpiredTokenException,
	"SignatureDoesNotMatch":      api.InvalidSignatureException,
	"IncompleteSignature":        api.IncompleteSignatureException,
	"MissingAuthenticationToken": api.MissingAuthenticationTokenException,
	"ValidationError":            api.ValidationException,
	"MalformedInput":             api.SerializationException,
	"Throttling":                 api.ThrottlingException,
	"RequestEntityTooLarge":      api.RequestEntityTooLargeException,
	"InvalidAction":              api.UnknownOperationException,
	"InternalFailure":            api.KMSInternalException,
	"ServiceUnavailable":         api.DependencyTimeoutException,
}

// faultXML is the error in a body, empty when there is none.
func faultXML(body []byte) (b errorBody) {
	root, err := parseXML(body)
	if err != nil || root.name != "ErrorResponse" {
		return b
	}
	said, err := root.child("Error")
	if err != nil || said == nil {
		return b
	}
	for name, into := range map[string]*string{"Code": &b.Code, "Message": &b.Message} {
		if e, err := said.child(name); err == nil && e != nil {
			*into = string(bytes.TrimSpace(e.text))
		}
	}
	if name := queryNames[b.Code]; name != "" {
		b.Code = name
	}
	return b
}
