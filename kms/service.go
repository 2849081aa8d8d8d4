package kms

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/kms/api"
)

// Log is where audit records go. Append answers only when the records are on stable storage, and audit.ErrUnwritten only
// when it holds none of them; Has tells which event ids it already holds. audit.Log is the implementation.
type Log interface {
	Append(ctx context.Context, records ...[]byte) error
	Has(ctx context.Context, ids []string) (map[string]bool, error)
}

// Config is what a Service is made of. Store, Device, Log, Table and Region are required.
type Config struct {
	Store  Store
	Device Device
	Log    Log
	Table  []Row
	// Partition of the ARNs. Empty: "aws".
	Partition string
	// Account and Region must be those that the directory was initialised for. Empty: those of the directory.
	Account AccountID
	Region  string
	// Now is the clock. Nil: the system's.
	Now func() time.Time
	// Rand makes identifiers; keys and data keys come from the token. Nil: crypto/rand.
	Rand io.Reader
	// Logger gets what operators need to know. Nil: discarded.
	Logger *slog.Logger
	// MaxOnDemandRotations bounds RotateKeyOnDemand for one key. 0: no bound; AWS has 25.
	MaxOnDemandRotations int
	// MaxKeysPerAccount bounds the customer managed keys of each account, whatever their state. 0: no bound; AWS has
	// 100,000.
	MaxKeysPerAccount int
	// RenewAfter is how many encryptions a generation makes before the next one gets a new generation. 0: 2^31.
	RenewAfter uint64
	// ReadOnly opens the service to look at things: it settles no births and moves no events. Operations that change
	// something are still served, and their events with them.
	ReadOnly bool
	// Sweep has New remove half-made objects from an exclusive token even when no birth is open, as Reconcile does: it is
	// for a server, which lists the token when it starts. false: the token is listed only if a birth is open.
	Sweep bool
	// Services are those that have a key of their own in every account, made when alias/aws/<service> is first used:
	// names of 1 to 32 characters a-z, 0-9 and -. Nil: none.
	Services []string
	// MaxUses is how many encryptions a generation may ever make. 0: 2^32, the bound of SP 800-38D 8.3.
	MaxUses uint64
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.RenewAfter == 0 {
		c.RenewAfter = defaultRenewAfter
	}
	if c.MaxUses == 0 {
		c.MaxUses = maxUses
	}
	return c
}

// Service is a running KMS over one store and one token.
type Service struct {
	config    Config
	store     Store
	device    Device
	log       *slog.Logger
	audit     Log
	realm     Realm
	meta      MetaRow
	signer    rowSigner
	proven    proven // grants
	rows      map[string]Row
	snapshots *snapshots
	counters  *counters
	locks     *nameLocks
	nursery   *nursery
	sessions  *sessionKeys
	outbox    outbox

	simulations *admission.Gate

	publishing sync.Mutex // one change at a time; see publish

	credentialDropped []func(AccessKeyID)
}

// New opens the service over an initialised store: it checks that the store is authentic and belongs to this token,
// brings the outbox into the log and settles births that a crash left open. It refuses a table with an incomplete or
// duplicate row.
func New(ctx context.Context, config Config) (*Service, error) {
	config = config.withDefaults()
	s := &Service{
		config: config, store: config.Store, device: config.Device, log: config.Logger, audit: config.Log,
		snapshots: newSnapshots(), counters: newCounters(), locks: newNameLocks(), nursery: newNursery(), sessions: &sessionKeys{},
	}
	var err error
	if s.simulations, err = newSimulations(config.Now); err != nil {
		return nil, err
	}
	if err := s.index(config.Table); err != nil {
		return nil, err
	}
	if err := s.openMeta(ctx); err != nil {
		return nil, err
	}
	if config.ReadOnly {
		return s, nil
	}
	if err := s.drain(ctx); err != nil {
		return nil, fmt.Errorf("bring earlier audit events into the log: %w", err)
	}
	reconcile := s.settleBirths
	if config.Sweep {
		reconcile = s.Reconcile
	}
	if _, err := reconcile(ctx); err != nil {
		s.log.WarnContext(ctx, "births that a crash left open are not settled yet", "error", err)
	}
	return s, nil
}

func (s *Service) index(table []Row) error {
	s.rows = make(map[string]Row, len(table))
	for _, row := range table {
		if err := row.complete(); err != nil {
			return err
		}
		name := row.Describe().Name
		if s.rows[name] != nil {
			return fmt.Errorf("operation %s stands twice in the table", name)
		}
		s.rows[name] = row
	}
	return nil
}

// Close hands back reserved encryptions and wipes the secrets that are open. The store, the device and the log stay open:
// whoever opened them closes them.
func (s *Service) Close(ctx context.Context) {
	s.returnUses(ctx)
	s.snapshots.credential.clear()
}

// Meta is the directory's own row.
func (s *Service) Meta() MetaRow { return s.meta }

// Realm is where this service's keys live.
func (s *Service) Realm() Realm { return s.realm }

// Now is the service's clock.
func (s *Service) Now() time.Time { return s.config.Now() }

// Root is the caller that is the root of the directory's account.
func (s *Service) Root(source, agent string) Caller { return s.RootOf(s.meta.Account, source, agent) }

// RootOf is the caller that is the root of an account, as the owner of the data directory or of the admin socket may be.
// Whether there is such an account, and whether it is active, comes out when the caller asks for something.
func (s *Service) RootOf(account AccountID, source, agent string) Caller {
	return Caller{
		Account: account, Root: true, ARN: s.realm.RootARN(account),
		PrincipalID: string(account), Source: source, Agent: agent, Local: true,
	}
}

// Operations are the rows of the table by name.
func (s *Service) Operations() map[string]Row { return s.rows }

// Request is one request to Do: Input when the shape is at hand, else Body, which is JSON.
type Request struct {
	Operation string
	Service   API // which an operation that there is not was asked of, for Refuse; Do goes by the table
	Caller    Caller
	Input     Input
	Body      []byte
	Unknown   api.UnknownPolicy // what to do with members of Body that the operation does not have
	ID        string            // request id, a UUID. Empty: drawn
}

// Do answers one request. The answer is the operation's output shape, or an error of which api.From makes the wire's.
// Whatever the answer, it is released only when its audit record is on stable storage.
func (s *Service) Do(ctx context.Context, req Request) (out any, err error) {
	row := s.rows[req.Operation]
	if row == nil {
		return nil, s.Refuse(ctx, req, NoOperation(req.Service, req.Operation))
	}
	c, err := s.newCall(req, row.Describe())
	if err != nil {
		return nil, api.Internal()
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "an operation panicked", "operation", req.Operation, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.abandonBirths(ctx)
			err = api.Internal()
			if !c.recorded {
				c.change = nil
				err = errors.Join(err, c.forkEvent())
			}
		}
		out, err = s.finish(ctx, c, out, err)
	}()
	c.input = req.Input
	if c.input == nil {
		if c.input, err = row.decode(req.Body, req.Unknown); err != nil {
			return nil, decodeError(err)
		}
	}
	return row.serve(ctx, c, c.input)
}

// NoOperation is the answer to an operation that is not in the table; see api.NoOperation for those of AWS KMS.
func NoOperation(service API, name string) *api.Error {
	if service == KMS {
		return api.NoOperation(name)
	}
	return api.UnknownOperation()
}

const (
	// maxOperationName bounds what is recorded of the name of an operation that there is not.
	maxOperationName = 128
	// unnamed is recorded of a request that names none.
	unnamed = "Unnamed"
)

// Refuse records a request that came to no operation, as one for an operation that there is not, and returns the
// refusal; KMSInternalException when it cannot be recorded. Nothing of the body is looked at.
func (s *Service) Refuse(ctx context.Context, req Request, refusal *api.Error) error {
	req.Operation = cmp.Or(req.Operation[:min(len(req.Operation), maxOperationName)], unnamed)
	c, err := s.newCall(req, Description{Effect: Read, Service: req.Service})
	if err != nil {
		return api.Internal()
	}
	_, err = s.finish(ctx, c, nil, refusal)
	return err
}

func (s *Service) newCall(req Request, row Description) (*Call, error) {
	c := &Call{service: s, caller: req.Caller, operation: req.Operation, request: req.ID,
		effect: row.Effect, api: row.Service, now: s.config.Now().UTC()}
	var err error
	if c.request == "" {
		if c.request, err = s.uuid(); err != nil {
			return nil, err
		}
	}
	c.eventID, err = s.uuid()
	return c, err
}

func (s *Service) uuid() (string, error) {
	id, err := NewKeyID(s.config.Rand)
	return string(id), err
}

// NewRequestID draws the id of a request, a UUID.
func (s *Service) NewRequestID() (string, error) { return s.uuid() }

// finish is the last step of every request: the error becomes the wire's, and the record durable.
func (s *Service) finish(ctx context.Context, c *Call, out any, err error) (any, error) {
	wire := s.wireError(ctx, c, err)
	if away := (*turnedAway)(nil); errors.As(err, &away) {
		c.grounds = &away.grounds
	}
	if c.recorded {
		return result(out, wire)
	}
	record, encodeErr := c.record(out, wire)
	if encodeErr == nil {
		encodeErr = s.audit.Append(context.WithoutCancel(ctx), record)
	}
	if encodeErr != nil {
		s.log.ErrorContext(ctx, "a request could not be recorded", "operation", c.operation, "request", c.request, "error", encodeErr)
		return nil, api.Internal()
	}
	return result(out, wire)
}

// result avoids an error interface that holds a nil pointer.
func result(out any, err *api.Error) (any, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}
