package api

import (
	"fmt"
	"strings"
)

// UnknownMembersError is Decode's answer to unknown members under RefuseUnknown: the first eight, by path and with names of
// at most 64 characters, and how many more there are. It repeats no more of a request than a person can read.
type UnknownMembersError struct {
	Members []string
	More    int
}

// List is the members in one line.
func (e *UnknownMembersError) List() string {
	list := strings.Join(e.Members, ", ")
	if e.More > 0 {
		list += fmt.Sprintf(" and %d more", e.More)
	}
	return list
}

func (e *UnknownMembersError) Error() string { return "unknown members: " + e.List() }

// maxNamed and maxName bound what errors repeat: the unknown members of a request, and the characters of a name.
const (
	maxNamed = 8
	maxName  = 64
)

// note adds an unknown member, by its path.
func (e *UnknownMembersError) note(path string) {
	if len(e.Members) == maxNamed {
		e.More++
		return
	}
	e.Members = append(e.Members, path)
}

// shortName is a name as an error repeats it.
func shortName(name string) string {
	count := 0
	for at := range name {
		if count == maxName {
			return name[:at] + "…"
		}
		count++
	}
	return name
}
