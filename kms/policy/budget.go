package policy

import "math"

// maxSteps is how many steps a decision may take, over all policies that it asks. A step is about a nanosecond's work. The
// largest policies that people write, asked by requests that people send, take a hundredth of it; without a bound, whoever
// writes a policy and whoever sends a request could together make the server multiply one by the other.
const maxSteps = 1 << 20

// explainSteps is the same of Explain, which evaluates also what Decide passes over.
const explainSteps = 4 * maxSteps

// maxSearches is how many segments that are searched for and have oneChar in them a document may have.
const maxSearches = 256

// What costs more steps than one for each octet.
const (
	stepsOfTest   = 8    // any comparison
	stepsOfLookup = 1000 // of a condition key, the first time
	stepsOfSearch = 300  // for a segment with oneChar, before the first octet
	stepsOfSought = 6    // for a segment with oneChar, an octet of the text
	stepsOfLong   = 3    // for a segment without oneChar of at least longSearch octets, an octet of the text
	stepsOfParse  = 128  // of a number, an address or an ARN
	stepsOfDate   = 512  // which is tried in several forms
	stepsOfFolded = 8    // a comparison that ignores case, an octet
)

// longSearch is the length from which on a processor's instructions for short texts no longer help a search.
const longSearch = 64

// run is one decision under way: what is known of its request, and how much work it may still be. When that is used up
// every comparison is unsure, and helps no caller.
type run struct {
	ctx   Context
	known map[ConditionKey]Values
	left  int
}

func newRun(ctx Context, steps int) *run { return &run{ctx: ctx, left: steps} }

// boundless is for comparisons that no request makes the server do.
func boundless() *run { return newRun(nil, math.MaxInt) }

// spend tells whether there was room for so many steps.
func (r *run) spend(steps int) bool {
	r.left -= steps
	return r.left >= 0
}

// spent tells whether comparisons are unsure from here on.
func (r *run) spent() bool { return r.left < 0 }

// lookup is what the request has under a key; a request without a context has nothing. A key is asked for once: some
// take work to find out, and a document may name one a thousand times.
func (r *run) lookup(key ConditionKey) Values {
	if r.ctx == nil {
		return Values{}
	}
	if v, ok := r.known[key]; ok {
		r.spend(stepsOfTest)
		return v
	}
	v := r.ctx.Lookup(key)
	if !v.Present && !v.Ambiguous {
		v = Values{}
	}
	if r.known == nil {
		r.known = map[ConditionKey]Values{}
	}
	r.known[key] = v
	r.spend(stepsOfLookup + stepsOfTest*len(v.List))
	return v
}
