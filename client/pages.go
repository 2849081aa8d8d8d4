package client

import (
	"context"
	"fmt"
	"iter"
	"reflect"
)

// Pages goes through the pages of a list, such as "ListKeys", from the marker of in, or the first: O is the operation's
// output shape, and in stays as it is. Members such as Limit hold for every page. An error ends it, and comes with a nil
// page: that of Call, an operation that has no pages, or an *AnswerError where a page leads nowhere or back to one that
// came before. It remembers the markers, of which a list has as many as pages.
func Pages[O any](ctx context.Context, c *Client, operation string, in Input) iter.Seq2[*O, error] {
	return func(yield func(*O, error) bool) {
		next, err := pageInput(operation, in)
		seen := map[string]bool{}
		for err == nil {
			var page *O
			if page, err = Do[O](ctx, c, operation, next); err != nil {
				break
			}
			if !yield(page, nil) {
				return
			}
			var more bool
			if more, err = turn(operation, next, page, seen); err == nil && !more {
				return
			}
		}
		yield(nil, err)
	}
}

// pageInput is a copy of a request that has a Marker.
func pageInput(operation string, in Input) (Input, error) {
	if !isShape(in, operation+"Input") {
		return in, nil // which Do refuses
	}
	original := reflect.ValueOf(in).Elem()
	if marker := original.FieldByName("Marker"); !marker.IsValid() || marker.Type() != reflect.TypeFor[*string]() {
		return nil, fmt.Errorf("call %s: its answer does not come in pages", operation)
	}
	own := reflect.New(original.Type())
	own.Elem().Set(original)
	copied, _ := own.Interface().(Input)
	return copied, nil
}

// turn sets the marker of the page behind one, and tells whether there is such. seen are the markers until now.
func turn(operation string, in Input, page any, seen map[string]bool) (more bool, err error) {
	answer := reflect.ValueOf(page).Elem()
	truncated, next := answer.FieldByName("Truncated"), answer.FieldByName("NextMarker")
	if !truncated.IsValid() || !next.IsValid() || !truncated.Bool() {
		return false, nil
	}
	marker := reflect.ValueOf(in).Elem().FieldByName("Marker")
	if !marker.IsNil() {
		seen[marker.Elem().String()] = true
	}
	switch reason := "it says that there is more, and "; {
	case next.String() == "":
		return false, noPage(operation, reason+"not where")
	case seen[next.String()]:
		return false, noPage(operation, reason+"leads back to an earlier page, so that the list would have no end")
	}
	marker.Set(reflect.ValueOf(new(next.String())))
	return true, nil
}

func noPage(operation, reason string) error {
	return &Error{Operation: operation, Attempts: 1, Err: &AnswerError{reason: reason}}
}
