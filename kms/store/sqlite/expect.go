package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms"
)

// expectable are the rows that an expectation may be of, by the fields that are set in it. The fields are in the order of
// the query's parameters.
var expectable = map[string]string{
	"key":           "SELECT rev FROM keys WHERE id = ?",
	"key grant":     "SELECT rev FROM grants WHERE key_id = ? AND id = ?",
	"account":       "SELECT rev FROM accounts WHERE id = ?",
	"account alias": "SELECT rev FROM aliases WHERE account = ? AND name = ?",
	"principal":     "SELECT rev FROM principals WHERE id = ?",
	"access-key":    "SELECT rev FROM access_keys WHERE id = ?",
}

// expect answers kms.ErrConflict unless a row is at the revision that the change was made for.
func expect(ctx context.Context, tx *sql.Tx, e kms.Expectation) error {
	fields, args := fieldsOf(e)
	query, ok := expectable[fields]
	if !ok {
		return fmt.Errorf("expect %+v: no row is named by these fields: %q", e, fields)
	}
	var rev int64
	err := tx.QueryRowContext(ctx, query, args...).Scan(&rev)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err == nil && rev != e.Rev {
		err = kms.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("expect %s %v at revision %d: %w", fields, args, e.Rev, err)
	}
	return nil
}

// fieldsOf names what is set in an expectation, and its values.
func fieldsOf(e kms.Expectation) (string, []any) {
	var names []string
	var values []any
	for _, field := range []struct{ name, value string }{
		{"key", string(e.Key)}, {"grant", string(e.Grant)}, {"account", string(e.Account)}, {"alias", e.Alias},
		{"principal", string(e.Principal)}, {"access-key", string(e.AccessKey)},
	} {
		if field.value != "" {
			names, values = append(names, field.name), append(values, field.value)
		}
	}
	return strings.Join(names, " "), values
}
