package policy

// truth is the answer to whether a part of a statement matches. Three values, because what is unsure must not help a
// caller: an Allow with it does not apply, a Deny does. The smallest of several is their conjunction, the greatest
// their disjunction.
type truth int8

const (
	no truth = iota
	unsure
	yes
)

func sure(b bool) truth {
	if b {
		return yes
	}
	return no
}

// negate leaves unsure what is unsure.
func (t truth) negate() truth { return yes - t }

// negateIf is for elements that have a Not form.
func (t truth) negateIf(not bool) truth {
	if not {
		return t.negate()
	}
	return t
}

// holds tells whether a statement of that effect applies.
func (t truth) holds(e Effect) bool { return t == yes || t == unsure && e == Deny }
