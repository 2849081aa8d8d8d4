package client

import (
	"fmt"
	"strings"
	"unicode"
)

// parseProfiles reads the sections of a shared file (AWS SDKs and Tools Reference Guide, "Format of the config file").
// Names of members are in lower case; the members of a section that comes twice are joined, and of one that comes twice
// the last counts. What is indented more than the member before it belongs to that one, and is no credential. An error
// names the line and shows nothing of it.
func parseProfiles(text string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	var section map[string]string
	const none = -1
	member := none // how far the last member of the section is indented
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		line = strings.TrimSpace(uncommented(line))
		switch {
		case line == "":
		case line[0] == '[':
			name, ok := sectionName(line)
			if !ok {
				return nil, fmt.Errorf("line %d is not [a section]", i+1)
			}
			if all[name] == nil {
				all[name] = map[string]string{}
			}
			section, member = all[name], none
		case section == nil:
			return nil, fmt.Errorf("line %d is in no section", i+1)
		case member != none && indent > member:
		default:
			name, value, ok := strings.Cut(line, "=")
			if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" {
				return nil, fmt.Errorf("line %d is not of the form name = value", i+1)
			}
			section[name], member = strings.TrimSpace(value), indent
		}
	}
	return all, nil
}

// uncommented cuts off what follows # or ; at the beginning of a line or behind a blank.
func uncommented(line string) string {
	for i, c := range line {
		if (c == '#' || c == ';') && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// sectionName is what stands in the brackets: one word, or two with one blank in between and without quotes around the
// second.
func sectionName(line string) (string, bool) {
	inside, ok := strings.CutSuffix(line[1:], "]")
	inside = strings.TrimSpace(inside)
	i := strings.IndexFunc(inside, unicode.IsSpace)
	if i < 0 {
		return inside, ok && inside != ""
	}
	name := strings.TrimFunc(inside[i:], func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\'' })
	return inside[:i] + " " + name, ok && name != ""
}
