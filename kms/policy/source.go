package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// source is a document and what it is, for the errors about it.
type source struct {
	kind     Kind
	document string
}

// errorAt makes the error for an octet of the document.
func (s source) errorAt(at int, format string, args ...any) *Error {
	line, column := s.place(at)
	return &Error{Kind: s.kind, Class: ClassSyntax, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// place is the line and column of an octet of the document.
func (s source) place(at int) (line, column int) {
	before := s.document[:at]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
