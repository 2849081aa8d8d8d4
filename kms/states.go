package kms

import (
	"slices"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// keyTransitions says which states a key may go to from each. "" is a key that does not exist yet.
var keyTransitions = map[keyspec.KeyState][]keyspec.KeyState{
	"":                    {keyspec.StateEnabled},
	keyspec.StateEnabled:  {keyspec.StateEnabled, keyspec.StateDisabled, keyspec.StatePendingDeletion},
	keyspec.StateDisabled: {keyspec.StateDisabled, keyspec.StateEnabled, keyspec.StatePendingDeletion},
	keyspec.StatePendingDeletion: {
		keyspec.StatePendingDeletion, // a policy or description may still change
		keyspec.StateDisabled,        // CancelKeyDeletion; never straight to Enabled
	},
}

// generationTransitions says which states a generation may go to from each.
var generationTransitions = map[GenerationState][]GenerationState{
	"":                    {GenerationReady},
	GenerationReady:       {GenerationReady, GenerationDecryptOnly, GenerationDestroying},
	GenerationDecryptOnly: {GenerationDecryptOnly, GenerationDestroying},
	GenerationDestroying:  {GenerationDestroyed},
	GenerationDestroyed:   nil,
}

func mayBecome[S comparable](table map[S][]S, from, to S) bool {
	return slices.Contains(table[from], to)
}

// StateRule names which key states an operation accepts; the answers to the others are in stateRules. The rules are
// the rows of the AWS table "Key states of AWS KMS keys" (AWS KMS Developer Guide), shared by the operations that have the same row.
type StateRule int

// The rules.
const (
	StatesAny             StateRule = iota + 1 // every state
	StatesUsable                               // Enabled only: cryptographic operations and rotation
	StatesNotBeingDeleted                      // all but the two pending-deletion states
	StatesToggle                               // EnableKey and DisableKey
	StatesBeingDeleted                         // CancelKeyDeletion
	StatesToSchedule                           // ScheduleKeyDeletion
	StatesToGrant                              // CreateGrant: as StatesUsable, and Unavailable too
)

// refusal is the error for a key in a state; nil accepts.
type refusal func(arn string) error

func refuse(f func(arn string) *api.Error) refusal { return func(arn string) error { return f(arn) } }

var (
	isDisabled      = refuse(api.Disabled)
	isBeingDeleted  = refuse(api.PendingDeletion)
	isNotDeleted    = refuse(api.NotPendingDeletion)
	isPendingImport = refuse(api.PendingImport)
	isUnavailable   = refuse(api.Unavailable)
	isCreating      = refuse(api.Creating)
	isUpdating      = refuse(api.Updating)
)

// stateRules holds the refusals; a state that is absent is accepted.
var stateRules = map[StateRule]map[keyspec.KeyState]refusal{
	StatesAny: {},
	StatesUsable: {
		keyspec.StateDisabled: isDisabled, keyspec.StatePendingDeletion: isBeingDeleted,
		keyspec.StatePendingReplicaDeletion: isBeingDeleted, keyspec.StatePendingImport: isPendingImport,
		keyspec.StateUnavailable: isUnavailable, keyspec.StateCreating: isCreating,
	},
	StatesToGrant: {
		keyspec.StateDisabled: isDisabled, keyspec.StatePendingDeletion: isBeingDeleted,
		keyspec.StatePendingReplicaDeletion: isBeingDeleted, keyspec.StatePendingImport: isPendingImport,
		keyspec.StateCreating: isCreating,
	},
	StatesNotBeingDeleted: {
		keyspec.StatePendingDeletion: isBeingDeleted, keyspec.StatePendingReplicaDeletion: isBeingDeleted,
	},
	StatesToggle: {
		keyspec.StatePendingDeletion: isBeingDeleted, keyspec.StatePendingReplicaDeletion: isBeingDeleted,
		keyspec.StatePendingImport: isPendingImport, keyspec.StateCreating: isCreating, keyspec.StateUpdating: isUpdating,
	},
	StatesBeingDeleted: {
		keyspec.StateEnabled: isNotDeleted, keyspec.StateDisabled: isNotDeleted, keyspec.StatePendingImport: isNotDeleted,
		keyspec.StateUnavailable: isNotDeleted, keyspec.StateCreating: isNotDeleted, keyspec.StateUpdating: isNotDeleted,
	},
	StatesToSchedule: {
		keyspec.StatePendingDeletion: isBeingDeleted, keyspec.StatePendingReplicaDeletion: isBeingDeleted,
		keyspec.StateUpdating: isUpdating,
	},
}

// Refusal is the error with which the rule refuses a key in a state, or nil. It is what docs/states.md is made from.
func (r StateRule) Refusal(state keyspec.KeyState, arn string) error {
	if f := stateRules[r][state]; f != nil {
		return f(arn)
	}
	return nil
}
