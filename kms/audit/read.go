package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Read calls fn with each record on stable storage, in order, beginning with sequence number from, or with the first
// one that is there when older segments were moved away. The record is valid until fn returns; an error of fn ends
// the reading and is returned as it is. Damage and missing segments are errors that say where.
func (l *Log) Read(ctx context.Context, from uint64, fn func(seq uint64, record []byte) error) error {
	now := l.extent()
	// The segment that holds from is the last that does not begin after it.
	start := 0
	for i, first := range now.segments {
		if first <= from {
			start = i
		}
	}
	var fnErr error
	skip := func(seq uint64, record []byte) error {
		if seq < from {
			return nil
		}
		fnErr = fn(seq, record)
		return fnErr
	}
	for i := start; i < len(now.segments); i++ {
		if err := l.readSegment(ctx, now, i, skip); err != nil {
			if fnErr != nil {
				return fnErr
			}
			return fmt.Errorf("read the audit log: %w", err)
		}
	}
	return nil
}

// readSegment visits the records of segment i, and checks that it ends where the next one begins.
func (l *Log) readSegment(ctx context.Context, now extent, i int, fn visit) error {
	first, size, end := now.segments[i], now.size, now.next
	if i+1 < len(now.segments) {
		size, end = -1, now.segments[i+1]
	}
	v, err := scanFile(ctx, l.config.Dir, first, size, fn)
	switch {
	case err != nil:
		return err
	case v.bad != nil:
		return refuse(l.config.Dir, first, v.bad)
	default:
		return checkJoin(l.config.Dir, v.next, end)
	}
}

var errFound = errors.New("all found")

// Has tells which of the given event ids are on stable storage. Segments are read from the newest backwards until
// all ids are found. No age bounds the search: an event whose removal from the outbox keeps failing grows old while
// the log goes on, and to append it twice would be wrong. So an id that is not there costs the reading of the whole
// log (some hundreds of MB per second): ask for all ids at once, after a crash, not for each event.
func (l *Log) Has(ctx context.Context, ids []string) (map[string]bool, error) {
	found := make(map[string]bool, len(ids))
	for _, id := range ids {
		found[id] = false
	}
	missing := len(found)
	look := func(_ uint64, record []byte) error {
		id, ok := eventID(record, found)
		if ok && !found[id] {
			found[id] = true
			missing--
		}
		if missing == 0 {
			return errFound
		}
		return nil
	}
	now := l.extent()
	for i := len(now.segments) - 1; i >= 0 && missing > 0; i-- {
		if err := l.readSegment(ctx, now, i, look); err != nil && !errors.Is(err, errFound) {
			return nil, fmt.Errorf("search the audit log: %w", err)
		}
	}
	return found, nil
}

const eventIDMember = `"eventID":"`

// eventID is the id of a record if it is among the wanted ones. Most records are told by their bytes, without being
// decoded. A hit is decoded, because a caller's encryption context may have a member "eventID" as well.
func eventID(record []byte, wanted map[string]bool) (string, bool) {
	for rest := record; ; {
		at := bytes.Index(rest, []byte(eventIDMember))
		if at < 0 {
			return "", false
		}
		rest = rest[at+len(eventIDMember):]
		id := rest[:max(bytes.IndexByte(rest, '"'), 0)]
		if _, ok := wanted[string(id)]; ok {
			break
		}
	}
	var event struct {
		ID string `json:"eventID"`
	}
	if err := json.Unmarshal(record, &event); err != nil {
		return "", false
	}
	_, ok := wanted[event.ID]
	return event.ID, ok
}
