package policy_test

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/keyhold/keyhold/kms/policy"
)

const (
	home   = "111122223333"
	abroad = "444455556666"
	key    = "arn:aws:kms:eu-central-1:111122223333:key/6f0c5d1e-3a52-4a8e-9d5b-0c9f6f0a7b11"
	key2   = "arn:aws:kms:eu-central-1:111122223333:key/00000000-3a52-4a8e-9d5b-0c9f6f0a7b11"
)

// The ARNs that documents call @alice and so on.
var places = map[string]string{
	"@home":        home,
	"@abroad":      abroad,
	"@root":        "arn:aws:iam::111122223333:root",
	"@foreignroot": "arn:aws:iam::444455556666:root",
	"@alice":       "arn:aws:iam::111122223333:user/alice",
	"@bob":         "arn:aws:iam::111122223333:user/staff/bob",
	"@ghost":       "arn:aws:iam::111122223333:user/ghost",
	"@app":         "arn:aws:iam::111122223333:role/service/app",
	"@one":         "arn:aws:sts::111122223333:assumed-role/app/one",
	"@two":         "arn:aws:sts::111122223333:assumed-role/app/two",
	"@eve":         "arn:aws:iam::444455556666:user/eve",
	"@key2":        key2,
	"@key":         key,
}

// The unique ids of those who exist. A user ghost existed, was deleted, and there is another one now, whom no policy
// was ever bound to.
var ids = map[string]string{
	places["@alice"]: "AIDAALICE", "AIDAALICE": "AIDAALICE",
	places["@bob"]: "AIDABOB",
	places["@app"]: "AROAAPP", "AROAAPP": "AROAAPP",
	places["@one"]: "AROAAPP:one", "AROAAPP:one": "AROAAPP:one",
	places["@two"]: "AROAAPP:two",
	places["@eve"]: "AIDAEVE",
}

// people are who asks.
var people = map[string]policy.Principal{
	"root":        {Account: home, ARN: places["@root"], ID: home, Root: true},
	"foreignroot": {Account: abroad, ARN: places["@foreignroot"], ID: abroad, Root: true},
	"alice":       {Account: home, ARN: places["@alice"], ID: "AIDAALICE"},
	"bob":         {Account: home, ARN: places["@bob"], ID: "AIDABOB"},
	"ghost":       {Account: home, ARN: places["@ghost"], ID: "AIDAGHOST2"},
	"one":         {Account: home, ARN: places["@one"], ID: "AROAAPP:one"},
	"two":         {Account: home, ARN: places["@two"], ID: "AROAAPP:two"},
	"eve":         {Account: abroad, ARN: places["@eve"], ID: "AIDAEVE"},
	"nobody":      {},
	"shortened":   {Account: "1111", ARN: places["@alice"], ID: "AIDAALICE"},
	"unknown":     {Account: home, ARN: places["@alice"]},
	"roleless":    {Account: home, ARN: places["@app"], ID: "AROAAPP2:one"},
}

// named puts the ARNs in.
func named(text string) string {
	for _, name := range sortedByLength(places) {
		text = strings.ReplaceAll(text, name, places[name])
	}
	return text
}

// testContext is a request's context by the names of keys.
type testContext map[policy.ConditionKey]policy.Values

func (c testContext) Lookup(k policy.ConditionKey) policy.Values { return c[k] }

// contextOf reads {"kms:CallerAccount":"x","aws:TagKeys":["a","b"],"k:c":{"Ambiguous":true}}.
func contextOf(text string) (policy.Context, error) {
	if text == "" {
		return nil, nil
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	c := testContext{}
	for name, value := range raw {
		v := policy.Values{Present: true}
		var one string
		if json.Unmarshal(value, &one) == nil {
			v.List = []string{one}
		} else if json.Unmarshal(value, &v.List) != nil {
			if err := json.Unmarshal(value, &v); err != nil {
				return nil, err
			}
		}
		c[keyOf(name)] = v
	}
	return c, nil
}

func sortedByLength(m map[string]string) []string {
	var list []string
	for name := range maps.Keys(m) {
		at := 0
		for at < len(list) && len(list[at]) > len(name) {
			at++
		}
		list = append(list[:at], append([]string{name}, list[at:]...)...)
	}
	return list
}
