package kms

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

// Identity is what a data directory is initialised for.
type Identity struct {
	Account AccountID
	Region  string
	Dev     bool // a throw-away directory
}

// ErrInitialised: the directory has been initialised before.
var ErrInitialised = errors.New("the data directory is already initialised")

// Initialise gives an empty store its identity, and makes the token key that authenticates its rows. Config needs
// Store and Device. An initialisation that was cut short is taken up again.
func Initialise(ctx context.Context, config Config, identity Identity) error {
	config = config.withDefaults()
	meta, err := config.Store.Meta(ctx)
	switch {
	case err == nil && meta.Ready:
		return ErrInitialised
	case err == nil, errors.Is(err, ErrNotFound):
		err = refuseRows(ctx, config.Store, identity.Account)
	}
	if err != nil {
		return err
	}
	directory, err := NewKeyID(config.Rand)
	if err != nil {
		return err
	}
	rowKey, err := device.NewObjectID(config.Rand)
	if err != nil {
		return err
	}
	meta = MetaRow{
		Directory: string(directory), Account: identity.Account, Region: identity.Region, Token: config.Device.Name(),
		RowKey: rowKey, Dev: identity.Dev, CreatedAt: MicrosOf(config.Now()),
	}
	if err := config.Store.PutMeta(ctx, meta); err != nil {
		return err
	}
	spec := device.KeySpec{ID: rowKey, Label: "keyhold rows " + string(directory), Purpose: device.PurposeMAC}
	if _, err := config.Device.GenerateKey(ctx, spec); err != nil {
		return fmt.Errorf("make the key that authenticates stored rows: %w", err)
	}
	meta.Ready = true
	if err := (rowSigner{config.Device, rowKey}).sign(ctx, &meta); err != nil {
		return err
	}
	return config.Store.PutMeta(ctx, meta)
}

// refuseRows refuses a store that cannot be new because there are rows in it. Table meta of a directory that is not
// initialised has no authentication code, so that whoever can write to the database can make it say so of a directory in
// use. For the same reason nothing is destroyed in the token on its word: what an initialisation that was cut short left
// there stays, as a stranger in the inventory, and can do nothing.
func refuseRows(ctx context.Context, store Store, account AccountID) error {
	generations, err := store.Generations(ctx)
	if err != nil {
		return err
	}
	keys, err := store.Keys(ctx, account, "", 1)
	if err != nil {
		return err
	}
	events, err := store.Outbox(ctx, 1)
	if err != nil {
		return err
	}
	accounts, err := store.Accounts(ctx, "", 1)
	if err != nil {
		return err
	}
	principals, err := store.Principals(ctx, account, "", 1)
	if err != nil {
		return err
	}
	if len(generations)+len(keys)+len(events)+len(accounts)+len(principals) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the data directory says that it is not initialised, and has keys, principals or events in it: restore table meta from a backup",
		&TamperError{Row: "table meta", Reason: "it was changed or removed outside Keyhold"})
}

// openMeta reads and checks the directory's identity.
func (s *Service) openMeta(ctx context.Context) error {
	meta, err := s.store.Meta(ctx)
	if errors.Is(err, ErrNotFound) || err == nil && !meta.Ready {
		if err := refuseRows(ctx, s.store, meta.Account); err != nil {
			return err
		}
		return errors.New("the data directory is not initialised: run keyhold init")
	}
	if err != nil {
		return err
	}
	if meta.Token != s.device.Name() {
		return fmt.Errorf("the data directory belongs to token %q, and this is token %q: name the right token in the configuration", meta.Token, s.device.Name())
	}
	s.signer = rowSigner{s.device, meta.RowKey}
	if err := s.device.CheckKey(ctx, meta.RowKey, device.PurposeMAC, device.OriginGenerated); err != nil {
		return fmt.Errorf("check the token key that authenticates stored rows (object %s): %w", meta.RowKey, err)
	}
	if err := s.signer.verify(ctx, &meta); err != nil {
		return fmt.Errorf("the data directory cannot be trusted: %w", err)
	}
	if s.config.Account != "" && s.config.Account != meta.Account || s.config.Region != "" && s.config.Region != meta.Region {
		return fmt.Errorf("the data directory was initialised for account %s in region %s, and the configuration says %s in %s",
			meta.Account, meta.Region, s.config.Account, s.config.Region)
	}
	s.meta = meta
	s.realm = Realm{Partition: s.config.Partition, Region: meta.Region}
	return nil
}
