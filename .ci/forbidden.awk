# Reads .ci/forbidden, then forbidigo's findings, and prints those that are not at home. Variable: root, the directory
# of the repository.
FNR == NR && /^\^/ { home[$1] = $2; next }
FNR == NR { next }
/ forbidden by pattern `/ {
	pattern = $0
	sub(/^.* forbidden by pattern `/, "", pattern)
	sub(/` at .*$/, "", pattern)
	place = $0
	sub(/^.*` at /, "", place)
	if (index(place, root "/") != 1) next # what cgo generates stands in the build cache
	place = substr(place, length(root) + 2)
	file = place
	sub(/:.*$/, "", file)
	if (home[pattern] == "-" || file !~ home[pattern]) {
		print place ": " $3 " is not at home here; see .ci/forbidden"
		failed = 1
	}
	next
}
{ print; failed = 1 } # forbidigo could not load something
END { exit failed }
