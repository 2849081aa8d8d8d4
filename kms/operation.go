package kms

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Effect is what an operation does to the world.
type Effect int

// The effects. CloudTrail calls the first two read-only.
const (
	Read   Effect = iota + 1 // looks at rows
	Use                      // uses a key or the token's generator
	Mutate                   // changes rows, in exactly one transaction
)

// API is a family of operations with a wire protocol or prefix of its own.
type API int

// The families.
const (
	KMS     API = iota // X-Amz-Target: TrentService.<Op>; actions kms:*
	STS                // the query protocol; actions sts:*
	Keyhold            // X-Amz-Target: Keyhold.<Op>; actions keyhold:*
)

// Input is a wire shape that can judge itself: Validate answers a ValidationException in AWS's grammar.
type Input interface{ Validate() error }

// Operation is one row of the table of operations: what it is called, what it needs, and its own few lines. Exactly
// one of Run and Change is set, by Effect. Everything else that happens to a request is the pipeline's (see Service.Do).
type Operation[I Input, O any] struct {
	Name   string
	Effect Effect
	// Service is the API that the operation belongs to. 0: KMS.
	Service API
	// Targets names the keys and other resources that the request is about, each with the action that the caller needs
	// on it.
	Targets func(in I) []Target
	// Conditions are the condition keys that mirror members of the request: their names in lower case, with a slash and
	// the part that follows where they have one, as in "aws:requesttag/Team". Nil: there are none. What belongs to one
	// target of several is said by Target.Asking.
	Conditions func(in I) map[string][]string
	// Admit is what must hold before the operation may run.
	Admit Admit[I]
	// DryRun tells whether the caller only asks. Nil: the operation has no DryRun member.
	DryRun func(in I) bool
	// Run is the work of a Read or Use. It makes no decision about admission.
	Run func(ctx context.Context, c *Call, in I) (O, error)
	// Change is the work of a Mutate: it says what changes, and the pipeline applies it together with its audit event
	// in one transaction. It may be called again when the rows have changed meanwhile.
	Change func(ctx context.Context, c *Call, in I) (Change, O, error)
}

// Admit holds the checks between authorization and work. They run in the order of the fields unless Order says
// otherwise, as AWS does for some operations.
type Admit[I any] struct {
	// Params are rules of the request that AWS checks late: after authorization, before the key is looked at.
	Params func(in I) error
	// Usage is the key usage that every target key must have. Empty: any.
	Usage keyspec.KeyUsage
	// Origins are the origins that a target key may have. Empty: any.
	Origins []keyspec.Origin
	// Managed lets a Mutate be about keys that the service manages for itself (AWS managed keys). Others may be about
	// them whatever it says.
	Managed bool
	// States says which key states will do: one rule for each target, or one for all.
	States []StateRule
	// Compat are rules about the keys and the request together, after the state.
	Compat func(c *Call, in I) error
	// Order is the order of the checks. Empty: Params, Usage, Origin, State, Compat.
	Order []Check
}

// Check names one of the checks of Admit.
type Check int

// The checks.
const (
	CheckParams Check = iota + 1
	CheckUsage
	CheckOrigin
	CheckState
	CheckCompat
)

var defaultOrder = []Check{CheckParams, CheckUsage, CheckOrigin, CheckState, CheckCompat}

func (a Admit[I]) order() []Check {
	if a.Order != nil {
		return a.Order
	}
	return defaultOrder
}

// state is the rule for the i-th target.
func (a Admit[I]) state(i int) StateRule {
	if len(a.States) == 1 {
		return a.States[0]
	}
	return a.States[i]
}

func (a Admit[I]) check(c *Call, in I) error {
	for _, check := range a.order() {
		if err := a.one(check, c, in); err != nil {
			return err
		}
	}
	return nil
}

func (a Admit[I]) one(check Check, c *Call, in I) error {
	if check == CheckParams {
		return a.params(in)
	}
	if check == CheckCompat && a.Compat != nil {
		return a.Compat(c, in)
	}
	for i, t := range c.targets {
		if t.key == nil {
			continue
		}
		if err := a.key(check, c, i, t.key); err != nil {
			return err
		}
	}
	return nil
}

// params are the operation's own rules, then the members that cannot be served: those are refused by name, not ignored.
func (a Admit[I]) params(in I) error {
	if a.Params != nil {
		if err := a.Params(in); err != nil {
			return err
		}
	}
	if u, ok := any(in).(interface{ Unserved() error }); ok {
		return u.Unserved()
	}
	return nil
}

func (a Admit[I]) key(check Check, c *Call, i int, key *Key) error {
	row := key.Row()
	switch {
	case check == CheckUsage && a.Usage != "" && row.Usage != a.Usage:
		return api.KeyUsageInvalid(key.ARN(), row.Usage, c.operation)
	case check == CheckOrigin && c.effect == Mutate && !a.Managed && row.Manager == keyspec.ManagerAWS:
		return api.ManagedKey(key.ARN())
	case check == CheckOrigin && len(a.Origins) > 0 && !slices.Contains(a.Origins, row.Origin):
		return api.OriginInvalid(key.ARN(), row.Origin)
	case check == CheckState:
		return a.state(i).Refusal(row.State, key.ARN())
	}
	return nil
}

// Row is an Operation whose shapes have been forgotten, so that a table can hold it. Only Operation implements it.
type Row interface {
	// Describe tells what the row says of itself, for documentation and for tests.
	Describe() Description
	decode(body []byte, unknown api.UnknownPolicy) (Input, error)
	serve(ctx context.Context, c *Call, in Input) (any, error)
	complete() error
}

// Description is the part of a row that does not depend on a request.
type Description struct {
	Name     string
	Service  API
	Effect   Effect
	States   []StateRule // empty when the operation has no key
	NewInput func() Input
	// NewOutput makes an empty answer, a pointer to its shape.
	NewOutput func() any
	// Origins and Usage as in Admit.
	Origins []keyspec.Origin
	Usage   keyspec.KeyUsage
	DryRun  bool
	targets [][]Target // of a request without members, and of one that names a key
}

// Describe implements Row.
func (o Operation[I, O]) Describe() Description {
	return Description{Name: o.Name, Service: o.Service, Effect: o.Effect, States: o.Admit.States, Origins: o.Admit.Origins,
		Usage: o.Admit.Usage, DryRun: o.DryRun != nil, targets: [][]Target{o.Targets(newInput[I]()), o.Targets(keyed[I]())}, NewInput: func() Input { return newInput[I]() },
		NewOutput: func() any { return reflect.New(reflect.TypeFor[O]().Elem()).Interface() }}
}

func (o Operation[I, O]) decode(body []byte, unknown api.UnknownPolicy) (Input, error) {
	in := newInput[I]()
	return in, api.Decode(body, in, unknown)
}

// complete tells what the row lacks.
func (o Operation[I, O]) complete() error {
	switch {
	case reflect.TypeFor[I]().Kind() != reflect.Pointer:
		return fmt.Errorf("operation %s: its input must be a pointer to a shape", o.Name)
	case o.Name == "" || o.Targets == nil || o.Effect < Read || o.Effect > Mutate:
		return errors.New("an operation needs a name, an effect and targets")
	case len(o.Admit.States) == 0 && slices.ContainsFunc(o.Targets(newInput[I]()), func(t Target) bool { return t.kind.isKey() }):
		return fmt.Errorf("operation %s: it has keys and does not say which states will do", o.Name)
	case (o.Run == nil) == (o.Change == nil) || (o.Effect == Mutate) != (o.Change != nil):
		return fmt.Errorf("operation %s: a Mutate has Change, any other has Run", o.Name)
	}
	return nil
}

// newInput is a new, empty input shape. I is a pointer type, as complete checks.
func newInput[I Input]() I {
	in, _ := reflect.New(reflect.TypeFor[I]().Elem()).Interface().(I)
	return in
}

// keyed is an input shape that names a key in its member KeyId, if it has one.
func keyed[I Input]() I {
	in := newInput[I]()
	if m := reflect.ValueOf(in).Elem().FieldByName("KeyID"); m.IsValid() && m.Type() == reflect.TypeFor[*string]() {
		m.Set(reflect.ValueOf(new(string)))
	}
	return in
}

func (o Operation[I, O]) serve(ctx context.Context, c *Call, input Input) (any, error) {
	in, ok := input.(I)
	if !ok {
		return nil, fmt.Errorf("operation %s: input is a %T", o.Name, input)
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	c.valid = true
	if o.Effect == Mutate {
		c.asked = o.asked(in)
		unlock, err := c.lockTargets(ctx, o.Targets(in), in)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	for restart := 0; ; restart++ {
		out, err := o.attempt(ctx, c, in)
		if !errors.Is(err, errStale) || restart == maxRestarts {
			return out, err
		}
	}
}

// attempt is one pass over a request, against one set of snapshots. Forward only.
func (o Operation[I, O]) attempt(ctx context.Context, c *Call, in I) (out O, err error) {
	c.notes, c.change, c.asked = nil, nil, o.asked(in)
	if err := c.let(ctx, o.Targets(in), in); err != nil {
		return out, err
	}
	if err := c.checkCiphertexts(); err != nil {
		return out, err
	}
	if err := o.Admit.check(c, in); err != nil {
		return out, err
	}
	if o.DryRun != nil && o.DryRun(in) {
		return out, o.rehearse(ctx, c, in)
	}
	if err := c.bearServiceKeys(ctx); err != nil {
		return out, err
	}
	if o.Change == nil {
		return o.Run(ctx, c, in)
	}
	change, out, err := o.Change(ctx, c, in)
	if err == nil {
		err = c.commit(ctx, change, out)
	}
	if err != nil && !c.recorded {
		c.change = nil
		c.abandonBirths(ctx)
	}
	return out, err
}

// rehearse is the answer to a dry run. What can be wrong with a change comes out when it is worked out.
func (o Operation[I, O]) rehearse(ctx context.Context, c *Call, in I) error {
	if o.Change != nil {
		if _, _, err := o.Change(ctx, c, in); err != nil {
			return err
		}
	}
	return api.DryRun()
}

// asked gives the conditions of the request, worked out when they are asked for.
func (o Operation[I, O]) asked(in I) func() map[string][]string {
	if o.Conditions == nil {
		return nil
	}
	return sync.OnceValue(func() map[string][]string { return o.Conditions(in) })
}
