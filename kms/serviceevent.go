package kms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// serviceAgent stands in service events where a caller would: CloudTrail's wording for the service itself.
const serviceAgent = "AWS Internal"

// serviceEvent is the record of something that nobody asked for, in an account.
func (s *Service) serviceEvent(account AccountID, name string, now time.Time) (audit.Event, error) {
	id, err := s.uuid()
	if err != nil {
		return audit.Event{}, err
	}
	request, err := s.uuid()
	return audit.Event{
		UserIdentity: audit.Identity{AccountID: string(account), InvokedBy: serviceAgent}, Time: now, Name: name,
		Region: s.realm.Region, SourceIPAddress: serviceAgent, UserAgent: serviceAgent, RequestID: request, ID: id,
		Type: audit.ServiceEvent, RecipientAccountID: string(account),
	}, err
}

// directoryEvent is the record of a service event of the directory's own account.
func (s *Service) directoryEvent(name string, details map[string]any) (EventRow, error) {
	event, err := s.serviceEvent(s.meta.Account, name, s.config.Now())
	if err != nil {
		return EventRow{}, err
	}
	event.ServiceDetails = details
	record, err := event.Encode()
	return EventRow{ID: event.ID, Record: record}, err
}

// rotationEvent is the record of a rotation by itself, for the transaction that makes it.
func (s *Service) rotationEvent(key *Key, born GenerationRow, now time.Time) ([]EventRow, error) {
	event, err := s.serviceEvent(key.Row().Account, "RotateKey", now)
	if err != nil {
		return nil, err
	}
	event.Resources = []audit.Resource{{AccountID: string(key.Row().Account), Type: "AWS::KMS::Key", ARN: key.ARN()}}
	event.ServiceDetails = map[string]any{
		"keyId": string(key.ID()), "rotationType": string(keyspec.RotationAutomatic), "keyOrigin": string(key.Row().Origin),
		"previousKeyMaterialId": key.Current().MaterialID, "currentKeyMaterialId": born.MaterialID,
	}
	record, err := event.Encode()
	return []EventRow{{ID: event.ID, Record: record}}, err
}

// serviceKeyEvent is the record of a service key that was made, for the transaction that makes it.
func (s *Service) serviceKeyEvent(key *Key, alias AliasRow, now time.Time) ([]EventRow, error) {
	account := string(alias.Account)
	event, err := s.serviceEvent(alias.Account, "CreateKey", now)
	if err != nil {
		return nil, err
	}
	event.Resources = []audit.Resource{
		{AccountID: account, Type: "AWS::KMS::Alias", ARN: s.realm.AliasARN(alias.Account, alias.Name)},
		{AccountID: account, Type: "AWS::KMS::Key", ARN: key.ARN()},
	}
	event.ServiceDetails = map[string]any{"keyId": string(key.ID()), "aliasName": alias.Name}
	record, err := event.Encode()
	return []EventRow{{ID: event.ID, Record: record}}, err
}

// recordReconciliation tells the log which token objects were destroyed without anybody asking. An error is that nobody
// can tell the log.
func (s *Service) recordReconciliation(ctx context.Context, r Reconciliation) error {
	var settled, removed []string
	for _, b := range r.Settled {
		settled = append(settled, b.Object.String())
	}
	for _, o := range r.Removed {
		removed = append(removed, hex.EncodeToString(o.ID))
	}
	if len(settled)+len(removed) == 0 {
		return nil
	}
	event, err := s.directoryEvent("ReconcileToken", map[string]any{"settledBirths": settled, "removedDebris": removed})
	if err == nil {
		err = s.recordDone(context.WithoutCancel(ctx), event)
	}
	if err != nil {
		s.log.ErrorContext(ctx, "a reconciliation could not be recorded", "settled", settled, "removed", removed, "error", err)
	}
	return err
}

// recordDone records what has been done and belongs to no transaction. It goes by the outbox, so that a log that is full
// has it later; where the store or the token fail it goes at once.
func (s *Service) recordDone(ctx context.Context, event EventRow) error {
	if err := s.apply(ctx, Change{Events: []EventRow{event}}, nil); err != nil {
		if atOnce := s.audit.Append(ctx, event.Record); atOnce != nil {
			return errors.Join(err, atOnce)
		}
		return nil
	}
	if err := s.deliver(ctx, event); err != nil {
		s.log.WarnContext(ctx, "the event of what was done is not in the log yet", "event", event.ID, "error", err)
	}
	return nil
}

// recordForgedEvent tells the log of an event in the outbox that Keyhold did not put there. The event itself is not
// repeated.
func (s *Service) recordForgedEvent(ctx context.Context, e EventRow) error {
	sum := sha256.Sum256(e.Record)
	s.log.ErrorContext(ctx, "an audit event in the database was changed outside Keyhold", "sha256", hex.EncodeToString(sum[:]))
	event, err := s.directoryEvent("RefuseForgedEvent", map[string]any{"recordSha256": hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	return s.audit.Append(context.WithoutCancel(ctx), event.Record)
}
