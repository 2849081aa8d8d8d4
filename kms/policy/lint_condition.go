package policy

import "strings"

// conditions checks the operators, keys and values of a statement.
func (l *linter) conditions(n node, s *statement) {
	i := 0
	for _, operator := range n.member("Condition").value.members {
		for _, k := range operator.value.members {
			l.condition(k, &s.conditions[i])
			i++
		}
	}
}

func (l *linter) condition(k member, c *condition) {
	switch use := useOf(c.key); {
	case use == 0:
		l.warn(k.at, "UnknownConditionKey", "no request has the condition key %q; the condition %s", k.name, c.fate())
		return
	case use == absent:
		l.warn(k.at, "AbsentConditionKey", "requests here never have the condition key %q; the condition %s", k.name, c.fate())
		return
	case use == single && c.set == allValues:
		l.warn(k.at, "OverlyPermissiveCondition", "%s with %q, which has one value at most, also matches requests without it", c.operator, k.name)
	case use == multi && c.set == oneValue && !c.null:
		l.warn(k.at, "MissingSetOperator", "%q may have several values; write ForAllValues:%s or ForAnyValue:%s", k.name, c.operator, c.operator)
	}
	l.values(k, c)
}

// fate is how a condition on a key that no request has ends.
func (c *condition) fate() string {
	if c.matches(boundless()) == yes {
		return "always holds"
	}
	return "never holds"
}

// values checks what a key is compared with.
func (l *linter) values(k member, c *condition) {
	literal := strings.Contains(strings.ToLower(c.operator), "stringequals") || strings.Contains(strings.ToLower(c.operator), "stringnotequals")
	for _, item := range k.value.each() {
		text := strings.NewReplacer("${*}", "", "${?}", "").Replace(item.text)
		if literal && strings.Contains(text, "*") {
			l.warn(item.at, "LiteralWildcard", "%s takes the * in %q literally; StringLike has wildcards", c.operator, item.text)
		}
	}
}
