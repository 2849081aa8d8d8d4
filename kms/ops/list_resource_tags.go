package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listResourceTags = kms.Operation[*api.ListResourceTagsInput, *api.ListResourceTagsOutput]{
	Name:   "ListResourceTags",
	Effect: kms.Read,
	Targets: func(in *api.ListResourceTagsInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:ListResourceTags")}
	},
	Admit: kms.Admit[*api.ListResourceTagsInput]{States: []kms.StateRule{kms.StatesAny}},
	Run: func(_ context.Context, c *kms.Call, in *api.ListResourceTagsInput) (*api.ListResourceTagsOutput, error) {
		page, err := readPage(listOfTags.of(c.Key(0).ARN()), in.Marker, in.PageSize(), inMemory(c.Key(0).Tags(), tagPosition))
		if err != nil {
			return nil, err
		}
		out := &api.ListResourceTagsOutput{Tags: []api.Tag{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, t := range page.rows {
			out.Tags = append(out.Tags, api.NewTag(t.Key, t.Value))
		}
		return out, nil
	},
}

func tagPosition(t kms.TagRow) string { return ordinal(t.Position) }
