package kms

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

// Finding is one thing that an inspection looked at. A finding that is not OK says in Fix what to do about it.
type Finding struct {
	Subject string `json:"subject"` // "key 1234abcd-...", "alias alias/x", "outbox", ...
	OK      bool   `json:"ok"`
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"`
}

// Inspect checks every stored row of authority, that every key's material is in the token as it should be and opens
// its canary, and that nothing is left over from a crash. It changes nothing. report gets each finding as it is made;
// its error ends the inspection.
func (s *Service) Inspect(ctx context.Context, report func(Finding) error) error {
	for _, part := range []func(context.Context, func(Finding) error) error{
		s.inspectKeys, s.inspectAliases, s.inspectIdentities, s.inspectGrants, s.inspectLeftovers,
	} {
		if err := part(ctx, report); err != nil {
			return err
		}
	}
	return nil
}

const inspectionPage = 500

func (s *Service) inspectKeys(ctx context.Context, report func(Finding) error) error {
	seen := map[KeyID]bool{}
	inspect := func(id KeyID) error {
		if seen[id] {
			return nil
		}
		seen[id] = true
		return report(s.inspectKey(ctx, id))
	}
	accounts, err := s.accountIDs(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := s.eachKey(ctx, account, inspect); err != nil {
			return err
		}
	}
	// A generation whose key is in no list is a key whose row was removed or given to an account that there is not.
	generations, err := s.store.Generations(ctx)
	if err != nil {
		return err
	}
	for _, g := range generations {
		if err := inspect(g.KeyID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) eachKey(ctx context.Context, account AccountID, visit func(KeyID) error) error {
	after := KeyID("")
	for {
		rows, err := s.store.Keys(ctx, account, after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			if err := visit(row.ID); err != nil {
				return err
			}
			after = row.ID
		}
	}
}

func (s *Service) inspectKey(ctx context.Context, id KeyID) Finding {
	f := Finding{Subject: "key " + string(id)}
	key, err := s.loadKey(ctx, id)
	if tamper, ok := isTampered(err); ok {
		f.Detail = tamper.Error()
		f.Fix = "The key is closed. Restore the row from a backup, or the whole data directory; find out who can write to it."
		return f
	}
	if errors.Is(err, ErrNotFound) {
		f.Detail = "it has generations but no row in table keys: the row was removed or renamed outside Keyhold"
		f.Fix = "Restore the row from a backup, or the whole data directory; find out who can write to it."
		return f
	}
	if err != nil {
		f.Detail, f.Fix = err.Error(), "Look at the token and the data directory, then run keyhold doctor again."
		return f
	}
	for _, g := range key.Generations() {
		if g.State == GenerationDestroyed || g.State == GenerationDestroying {
			continue
		}
		if err := s.inspectGeneration(ctx, g); err != nil {
			f.Detail, f.Fix = fmt.Sprintf("generation %d (object %s): %v", g.Number, g.Object, err), fixFor(err)
			return f
		}
	}
	f.OK = true
	f.Detail = fmt.Sprintf("%s, %d generation(s): not readable, not wrappable, canary opens", key.Row().State, key.Row().Current)
	if key.Row().Account == sealingAccount { // no list of keys has it
		f.Detail += "; Keyhold's own, which seals the secrets of access keys and sessions"
	}
	return f
}

func (s *Service) inspectGeneration(ctx context.Context, g GenerationRow) error {
	if err := s.device.CheckKey(ctx, g.Object, device.PurposeWrap, device.OriginGenerated); err != nil {
		return err
	}
	return s.openCanary(ctx, deviceKey(g))
}

func fixFor(err error) string {
	switch {
	case errors.Is(err, device.ErrKeyNotFound):
		return "The token has lost the object: restore it from the token's own backup. What it encrypted cannot be read without it."
	case errors.Is(err, device.ErrUntrusted), errors.Is(err, device.ErrInvalidData):
		return "Do not use the key: rotate it, find out who changed the object in the token, and re-encrypt what it protects."
	default:
		return "Look at the token (keyhold hsm status), then run keyhold doctor again."
	}
}

func (s *Service) inspectAliases(ctx context.Context, report func(Finding) error) error {
	accounts, err := s.accountIDs(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := s.inspectAliasesOf(ctx, account, report); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) inspectAliasesOf(ctx context.Context, account AccountID, report func(Finding) error) error {
	after := ""
	for {
		rows, err := s.store.Aliases(ctx, account, "", after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			after = row.Name
			err := s.signer.verify(ctx, &row)
			if err == nil {
				continue
			}
			subject := row.Name
			if account != s.meta.Account {
				subject += " of account " + string(account)
			}
			f := Finding{Subject: subject, Detail: err.Error(), Fix: "The alias is closed: restore the row, or delete it from table aliases and create the alias again."}
			if err := report(f); err != nil {
				return err
			}
		}
	}
}

func (s *Service) inspectLeftovers(ctx context.Context, report func(Finding) error) error {
	births, err := s.store.Births(ctx)
	if err != nil {
		return err
	}
	f := Finding{Subject: "births", OK: len(births) == 0, Detail: fmt.Sprintf("%d open", len(births))}
	if !f.OK {
		f.Fix = "Run keyhold hsm inventory to see what a crash left open in the token."
	}
	if err := report(f); err != nil {
		return err
	}
	if err := s.inspectDebris(ctx, report); err != nil {
		return err
	}
	events, err := s.store.Outbox(ctx, 1)
	if err != nil {
		return err
	}
	f = Finding{Subject: "outbox", OK: len(events) == 0, Detail: "every audit event is in the log"}
	if !f.OK {
		f.Detail, f.Fix = "audit events wait for the log", "The next ordinary command delivers them. If it does not: is the disk full?"
	}
	return report(f)
}

func (s *Service) inspectDebris(ctx context.Context, report func(Finding) error) error {
	objects, err := s.device.Inventory(ctx)
	if err != nil {
		return report(Finding{Subject: "token objects", Detail: err.Error(), Fix: "Look at the token (keyhold hsm status), then run keyhold doctor again."})
	}
	debris := 0
	for _, o := range objects {
		if o.HalfMade() {
			debris++
		}
	}
	f := Finding{Subject: "token objects", OK: debris == 0, Detail: fmt.Sprintf("%d, %d of them half made", len(objects), debris)}
	if !f.OK {
		f.Fix = "A process that died while it made a key left them; nobody can use them. Remove them: keyhold hsm reconcile --yes"
	}
	return report(f)
}

// Item is one line of an inventory: a token object, a row, or both.
type Item struct {
	Object     string `json:"object,omitempty"` // CKA_ID, hexadecimal
	Label      string `json:"label,omitempty"`
	Kind       string `json:"kind"` // "generation", "row key", "missing", "debris", "birth", "stranger"
	KeyID      KeyID  `json:"keyId,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
	State      string `json:"state,omitempty"`
}

// Inventory compares the token's objects with the rows, both ways. It changes nothing.
func (s *Service) Inventory(ctx context.Context) ([]Item, error) {
	objects, err := s.device.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	generations, err := s.store.Generations(ctx)
	if err != nil {
		return nil, err
	}
	births, err := s.store.Births(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]Item{hex.EncodeToString(s.meta.RowKey[:]): {Kind: "row key"}}
	for _, b := range births {
		known[b.Object.String()] = Item{Kind: "birth", KeyID: b.KeyID, Generation: b.Number}
	}
	for _, g := range generations {
		known[g.Object.String()] = Item{Kind: "generation", KeyID: g.KeyID, Generation: g.Number, State: string(g.State)}
	}
	var items []Item
	seen := map[string]bool{}
	for _, o := range objects {
		id := hex.EncodeToString(o.ID)
		item, ours := known[id]
		switch {
		case o.HalfMade():
			item.Kind = "debris"
		case !ours:
			item.Kind = "stranger"
		default:
			seen[id] = true
		}
		item.Object, item.Label = id, o.Label
		items = append(items, item)
	}
	for _, g := range generations {
		if id := g.Object.String(); !seen[id] && g.State != GenerationDestroyed {
			items = append(items, Item{Object: id, Kind: "missing", KeyID: g.KeyID, Generation: g.Number, State: string(g.State)})
		}
	}
	return items, nil
}

// Canary is what a second witness needs to prove one generation without Keyhold: where the object is, and a ciphertext
// with what it must open to.
type Canary struct {
	KeyID      KeyID
	Generation uint32
	Key        device.Key
	AAD        []byte
	Plaintext  []byte
	Err        error // a *TamperError: the row was changed, and nothing else in it is to be believed
}

// Canaries lists the canaries of every generation that should be in the token. Its error is of the store or the token.
func (s *Service) Canaries(ctx context.Context) ([]Canary, error) {
	generations, err := s.store.Generations(ctx)
	if err != nil {
		return nil, err
	}
	var canaries []Canary
	for _, g := range generations {
		err := s.signer.verify(ctx, &g)
		_, tampered := isTampered(err)
		if err != nil && !tampered {
			return nil, err
		}
		if !tampered && (g.State == GenerationDestroyed || g.State == GenerationDestroying) {
			continue
		}
		canaries = append(canaries, Canary{KeyID: g.KeyID, Generation: g.Number, Key: deviceKey(g),
			AAD: device.CanaryAAD(g.Object), Plaintext: canaryPlaintext(g.Object), Err: err})
	}
	return canaries, nil
}
