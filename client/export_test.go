package client

// ParseProfiles and SplitWords are the parsers of what people write.
var (
	ParseProfiles = parseProfiles
	SplitWords    = splitWords
)

// Repeats says what asking for an operation again does: "look", "same", "once" or "named".
func Repeats(operation string) string {
	return map[repeat]string{look: "look", same: "same", once: "once", named: "named"}[operations[operation].repeat]
}

// Targets are the operations with the prefix of their X-Amz-Target, or what stands for it.
func Targets() map[string]string {
	all := map[string]string{}
	for name, row := range operations {
		all[name] = row.api
	}
	return all
}
