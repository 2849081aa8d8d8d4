package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

const (
	sitePIN = "fault-test-pin"
	// deadline is the token's CallTimeout, short so that a cell takes seconds, and long enough for a loaded machine.
	deadline = time.Second
	// soonEnough is how long after the end of a fault everything may take to work again.
	soonEnough = 5 * time.Second
	// atLast is when a test gives up on what must happen at some time, however busy the machine is.
	atLast = time.Minute
	// keyCount is how many keys a site begins with.
	keyCount = 100
)

// device is the failing module in front of a SoftHSM2 whose tokens are in memory. A process has one.
type device struct {
	*faultp11.Control
	dir string
	env map[string]string
}

// newDevice makes it; close removes it from the disk.
func newDevice() (*device, error) {
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-faults-")
	if err != nil {
		return nil, err
	}
	d := &device{dir: dir}
	home, err := softhsm.Prepare(filepath.Join(dir, "token"))
	if err == nil {
		d.Control, err = faultp11.New(dir, home.Module, faultp11.Transparent)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.env = home.Env()
	maps.Copy(d.env, d.Env())
	return d, nil
}

func (d *device) close() error { return os.RemoveAll(d.dir) }

// site is a whole Keyhold on a token of the device, as a server runs it.
type site struct {
	*device
	label string
	slot  *faultp11.Slot

	store      *sqlite.Store
	token      *hsm.Token
	log        *audit.Log
	service    *kms.Service
	stuck      atomic.Int64 // calls of OnStuck
	stuckLimit int          // 0: as a server has it
	patient    bool         // calls may take long: nothing fails
	journal    journal

	keys  []string // ids of the keys that are acknowledged
	blobs []blob   // one for each key, sealed before any fault
	tags  [callerCount]tagState
}

// newSite makes a token and a data directory with keyCount keys, and closes both again.
func newSite(ctx context.Context, d *device, label string) (*site, error) {
	s := &site{device: d, label: label, patient: true}
	defer func() { s.patient = false }()
	err := hsm.InitToken(ctx, hsm.NewToken{Module: d.Module, Env: d.env, Label: label,
		SOPIN: secret.New([]byte(sitePIN)), PIN: secret.New([]byte(sitePIN))})
	if err != nil {
		return nil, fmt.Errorf("make the token: %w", err)
	}
	report, err := hsm.Probe(ctx, s.config())
	if err != nil {
		return nil, fmt.Errorf("find the token's slot: %w", err)
	}
	if s.slot, err = d.Slot(report.Token.Slot); err != nil {
		return nil, err
	}
	return s, s.with(ctx, func() error { return s.fill(ctx) })
}

// config is a server's, but for the times.
func (s *site) config() hsm.Config {
	most := deadline
	if s.patient {
		most = atLast
	}
	return hsm.Config{
		Module: s.Module, Env: s.env, Label: s.label, PIN: hsmtest.PINSource(sitePIN), Preload: true, Background: true,
		CallTimeout: most, KeepAlive: deadline, StuckLimit: s.stuckLimit, OnStuck: func(error) { s.stuck.Add(1) },
	}
}

// with opens everything, runs f and closes it cleanly.
func (s *site) with(ctx context.Context, f func() error) (err error) {
	if err := s.open(ctx); err != nil {
		return heldUp{error: errors.Join(err, s.close(ctx))} // there is no fault yet
	}
	err = f()
	if closing := s.close(ctx); closing != nil {
		return errors.Join(err, heldUp{error: closing})
	}
	return err
}

func (s *site) open(ctx context.Context) (err error) {
	s.stuck.Store(0)
	data, logger := filepath.Join(s.dir, s.label), s.journal.logger()
	if s.store, err = sqlite.Create(ctx, sqlite.Config{Dir: data}); err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	tokenConfig := s.config()
	tokenConfig.Logger = logger
	if s.token, err = hsm.Open(ctx, tokenConfig); err != nil {
		return fmt.Errorf("open the token: %w", err)
	}
	config := kms.Config{Store: s.store, Device: s.token, Table: ops.Table(), Logger: logger}
	if meta, err := s.store.Meta(ctx); err != nil || !meta.Ready {
		if err := kms.Initialise(ctx, config, kms.Identity{Account: "111122223333", Region: "us-east-1"}); err != nil {
			return fmt.Errorf("initialise: %w", err)
		}
	}
	if s.log, err = audit.Open(ctx, audit.Config{Dir: filepath.Join(data, "audit")}); err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	config.Log = s.log
	if s.service, err = kms.New(ctx, config); err != nil {
		return fmt.Errorf("open the service: %w", err)
	}
	s.token.Expect(s.service.Meta().RowKey)
	return nil
}

// close closes what is open, in the order in which a server does.
func (s *site) close(ctx context.Context) error {
	var errs []error
	if s.service != nil {
		s.service.Close(ctx)
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.token != nil {
		if err := s.token.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the token: %w", err))
		}
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	s.service, s.log, s.token, s.store = nil, nil, nil, nil
	return errors.Join(errs...)
}

// fill makes the keys and seals something under each.
func (s *site) fill(ctx context.Context) error {
	for range keyCount {
		id, err := s.createKey(ctx)
		if err != nil {
			return fmt.Errorf("make the first keys: %w", err)
		}
		b, err := s.encrypt(ctx, id, "before any fault: "+id)
		if err != nil {
			return fmt.Errorf("seal something under the first keys: %w", err)
		}
		s.keys, s.blobs = append(s.keys, id), append(s.blobs, b)
	}
	return nil
}
