package hsm

import (
	"context"

	"github.com/miekg/pkcs11"
)

func (t *Token) mechanisms(ctx context.Context) ([]MechanismReport, error) {
	var all []MechanismReport
	_, err := t.mod.fly(ctx, t.limit(3), flight{
		run: func() error {
			var err error
			all, err = t.mod.mechanisms(t.slot())
			return err
		},
		late: func(error, bool) {},
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (m *module) mechanisms(slot uint) ([]MechanismReport, error) {
	list, err := m.p11.GetMechanismList(slot)
	if err != nil {
		return nil, failed("C_GetMechanismList", err)
	}
	all := make([]MechanismReport, 0, len(list))
	for _, mech := range list {
		info, err := m.p11.GetMechanismInfo(slot, []*pkcs11.Mechanism{mech})
		r := MechanismReport{Mechanism: mechanismName(mech.Mechanism), Flags: flagNames(info.Flags, mechanismFlagNames), MinKey: info.MinKeySize, MaxKey: info.MaxKeySize}
		if err != nil {
			r.Flags = []string{"listed, but C_GetMechanismInfo refuses it"}
		}
		all = append(all, r)
	}
	return all, nil
}
