package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var listKeyRotations = kms.Operation[*api.ListKeyRotationsInput, *api.ListKeyRotationsOutput]{
	Name:   "ListKeyRotations",
	Effect: kms.Read,
	Targets: func(in *api.ListKeyRotationsInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:ListKeyRotations")}
	},
	Admit: kms.Admit[*api.ListKeyRotationsInput]{
		Origins: []keyspec.Origin{keyspec.OriginKMS, keyspec.OriginExternal},
		States:  []kms.StateRule{kms.StatesAny},
	},
	Run: func(_ context.Context, c *kms.Call, in *api.ListKeyRotationsInput) (*api.ListKeyRotationsOutput, error) {
		generations := c.Key(0).Generations()
		if in.Include() == keyspec.RotationsOnly {
			generations = generations[1:] // the first material came by no rotation
		}
		page, err := readPage(listOfRotations.of(c.Key(0).ARN(), string(in.Include())), in.Marker, in.PageSize(), inMemory(generations, generationNumber))
		if err != nil {
			return nil, err
		}
		out := &api.ListKeyRotationsOutput{Rotations: []api.RotationsListEntry{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, g := range page.rows {
			out.Rotations = append(out.Rotations, rotationEntry(g, c.Key(0).Row().Current))
		}
		return out, nil
	},
}

func generationNumber(g kms.GenerationRow) string { return ordinal(int64(g.Number)) }

func rotationEntry(g kms.GenerationRow, current uint32) api.RotationsListEntry {
	entry := api.RotationsListEntry{
		KeyID: string(g.KeyID), KeyMaterialID: g.MaterialID, RotationType: g.RotationType,
		KeyMaterialState: keyspec.MaterialNonCurrent,
	}
	if g.Number == current {
		entry.KeyMaterialState = keyspec.MaterialCurrent
	}
	if g.RotationType != "" {
		entry.RotationDate = api.Time(g.CreatedAt)
	}
	return entry
}
