package policy

import (
	"slices"
	"strings"
)

// who checks the principals.
func (l *linter) who(n node, s *statement) {
	if s.who == nil {
		return
	}
	m := n.member("Principal", "NotPrincipal")
	if s.who.not && s.effect == Allow {
		l.warn(m.at, "AllowWithNotPrincipal", "an Allow with NotPrincipal is for everybody else, strangers among them")
	}
	everyAction := l.allowsEveryAction(s)
	for _, who := range s.who.list {
		switch {
		case who.form == aStranger:
			l.warn(who.at, "StrangerPrincipal", "%q is nobody who calls here; only principals of the type AWS are", who.name)
		case who.form == named && l.known.Exists != nil && !l.known.Exists(who.name):
			l.warn(who.at, "UnknownPrincipal", "the principal %q does not exist", who.name)
		case s.effect == Deny || s.who.not:
		case who.form == anyone && !s.isNarrow():
			l.warn(who.at, "WildcardPrincipal", "this allows everybody; name principals, or add a condition such as kms:CallerAccount")
		case who.form == named && everyAction:
			l.warn(who.at, "EveryAction", "this allows %q everything, the key's policy and its deletion among it; name the actions", who.name)
		}
	}
}

// allowsEveryAction tells whether a statement of a key policy gives away the key.
func (l *linter) allowsEveryAction(s *statement) bool {
	lists := func(action string) bool {
		return slices.ContainsFunc(s.actions, func(p pattern) bool { return p.matches(action) })
	}
	return l.kind == KeyPolicy && s.effect == Allow && !s.notAction &&
		lists("kms:putkeypolicy") && lists("kms:schedulekeydeletion") && lists("kms:decrypt")
}

// isNarrow tells whether a condition tells some callers from others. One that holds when its key is absent does not.
func (s *statement) isNarrow() bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool {
		return narrowing[c.key.Name] && !c.negated && !c.ifExists && !c.null && c.set != allValues
	})
}

// what checks the actions.
func (l *linter) what(n node, s *statement) {
	m := n.member("Action", "NotAction")
	if s.notAction && s.effect == Allow {
		l.warn(m.at, "AllowWithNotAction", "an Allow with NotAction allows every other action, those to come among them")
	}
	for i, item := range m.value.each() {
		matched, keyless := l.actionsOf(s.actions[i])
		switch {
		case matched == 0 && isWild(item.text):
			l.warn(item.at, "ActionMatchesNothing", "no action is like %q", item.text)
		case matched == 0:
			l.warn(item.at, "UnknownAction", "there is no action %q%s", item.text, hint(item.text))
		case matched == keyless && l.kind == KeyPolicy:
			l.warn(item.at, "IneffectiveAction", "%q has no effect in a key policy; it belongs in an identity policy", item.text)
		case l.kind == TrustPolicy && !s.actions[i].matches("sts:assumerole"):
			l.warn(item.at, "IneffectiveAction", "%q has no effect in a trust policy, which is about sts:AssumeRole", item.text)
		}
	}
}

// hint is for the action that everybody looks for and does not find.
func hint(text string) string {
	if strings.EqualFold(text, "kms:ReEncrypt") {
		return "; write kms:ReEncrypt*, for kms:ReEncryptFrom and kms:ReEncryptTo"
	}
	return ""
}

// actionsOf counts the actions that a pattern is for, and those of them that are about no key.
func (l *linter) actionsOf(p pattern) (matched, keyless int) {
	for _, a := range actions {
		if p.matches(strings.ToLower(a.name)) {
			matched++
			if a.keyless {
				keyless++
			}
		}
	}
	for _, name := range l.known.Actions {
		if p.matches(strings.ToLower(name)) {
			matched++
		}
	}
	return matched, keyless
}

// about checks the resources.
func (l *linter) about(n node, s *statement) {
	if s.notAbout {
		return
	}
	for i, item := range n.member("Resource").value.each() {
		if s.resources == nil || item.text == "*" || s.resources[i].parts != nil {
			continue
		}
		if !l.canMatch(item.text, s.resources[i].pattern) {
			l.warn(item.at, "ResourceMatchesNothing", "%q is never the resource of a request; %s", item.text, l.resourceHint())
		}
	}
}

func (l *linter) resourceHint() string {
	if l.kind == KeyPolicy {
		return "a key policy is about its own key, which \"*\" stands for"
	}
	return "requests are about keys, aliases and roles"
}

// services are the parts of ARNs that name where a resource is.
var services = []string{"kms", "iam", "sts", "keyhold"}

// canMatch tells whether a resource could be that of a request. It looks at the parts that can be told apart.
func (l *linter) canMatch(text string, p pattern) bool {
	if l.kind == KeyPolicy && l.known.Key != "" {
		return p.matches(l.known.Key)
	}
	a := splitARN(text)
	fits := func(part, want string) bool {
		glob := compile(wildcards(part))
		return glob.matches(want)
	}
	if l.kind == IdentityPolicy {
		return slices.ContainsFunc(services, func(service string) bool { return fits(a[2], service) })
	}
	return fits(a[2], "kms") && (l.known.Account == "" || fits(a[4], l.known.Account)) && fits(literalHead(a[5], len("key/")), "key/")
}

// literalHead is as much of a pattern as is about the first n characters of a text.
func literalHead(glob string, n int) string {
	if i := strings.IndexByte(glob, '*'); i >= 0 && i < n {
		return glob[:i+1]
	}
	return glob[:min(n, len(glob))]
}
