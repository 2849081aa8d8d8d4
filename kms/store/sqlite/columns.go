package sqlite

import "fmt"

// octets makes what the driver would store as NULL an empty blob; a column is never NULL.
func octets(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// blob scans a column that octets wrote: empty comes back as nil, whichever of the two was stored.
type blob struct{ dest *[]byte }

// Scan implements sql.Scanner.
func (b blob) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok && src != nil {
		return fmt.Errorf("scan a blob: got %T", src)
	}
	*b.dest = append([]byte(nil), raw...)
	return nil
}
