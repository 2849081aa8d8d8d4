package sigv4

import (
	"sync"
	"time"
)

// defaultKeys is what a limit of 0 means.
const defaultKeys = 1024

// Keys remembers signing keys, so that a request costs neither their derivation nor the opening of a sealed secret. It
// is safe for concurrent use.
type Keys struct {
	limit int

	mu      sync.Mutex
	entries map[keyID]keyEntry
	drops   uint64 // counts Drop, so that a key derived meanwhile is not remembered
}

type keyID struct {
	accessKeyID string
	scope       Scope
}

type keyEntry struct {
	fingerprint string
	key         Key
}

// NewKeys makes an empty cache of at most limit keys; 0 or less means 1,024.
func NewKeys(limit int) *Keys {
	if limit <= 0 {
		limit = defaultKeys
	}
	return &Keys{limit: limit, entries: make(map[keyID]keyEntry)}
}

// Key is the signing key for a request whose access key exists. The fingerprint is anything that changes when the
// secret does, such as a row's version; secret is asked for only when no key of that fingerprint is remembered, and its
// error is returned as it is.
func (k *Keys) Key(r Request, fingerprint string, secret func() ([]byte, error)) (Key, error) {
	id := keyID{r.AccessKeyID(), r.Scope()}
	k.mu.Lock()
	entry, found := k.entries[id]
	drops := k.drops
	k.mu.Unlock()
	if found && entry.fingerprint == fingerprint {
		return entry.key, nil
	}
	octets, err := secret()
	if err != nil {
		return Key{}, err
	}
	key := SigningKey(octets, r.Scope())
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.drops == drops {
		k.rememberLocked(id, keyEntry{fingerprint, key}, r.received)
	}
	return key, nil
}

// Drop forgets the keys of an access key, as when it is disabled or deleted.
func (k *Keys) Drop(accessKeyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drops++
	for id := range k.entries {
		if id.accessKeyID == accessKeyID {
			delete(k.entries, id)
		}
	}
}

// Len is the number of keys remembered.
func (k *Keys) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.entries)
}

// rememberLocked drops the keys of days on which nothing can be signed any more, and any one where that is not enough:
// only requests of access keys that exist, in served regions and of this day, get here.
func (k *Keys) rememberLocked(id keyID, e keyEntry, now time.Time) {
	first, last := now.Add(-maxSkew).UTC().Format(dateStamp), now.Add(maxSkew).UTC().Format(dateStamp)
	for old := range k.entries {
		if old.scope.Date < first || old.scope.Date > last {
			delete(k.entries, old)
		}
	}
	if _, replaced := k.entries[id]; !replaced && len(k.entries) >= k.limit {
		for victim := range k.entries {
			delete(k.entries, victim)
			break
		}
	}
	k.entries[id] = e
}
